# Writes the statements of SQL files as C macros: the text under "-- :name ledger_record", up to
# the next name, becomes SQL_LEDGER_RECORD. Comment lines and blank lines are left out.
# Runs under mawk, gawk and BSD awk.
/^-- :name / {
    end_statement()
    name = toupper($3)
    if (name !~ /^[A-Z][A-Z0-9_]*$/)
        stop("\"" $3 "\" cannot be a name")
    if (name in seen)
        stop("a second statement is named " $3)
    seen[name] = 1
    printf "#define SQL_%s", name
    lines = 0
    next
}

/^[ \t]*--/ || /^[ \t]*$/ { next }

{
    if (name == "")
        stop("a statement without a name")
    gsub(/["\\]/, "\\\\&")
    gsub(/\t/, "\\t")
    gsub(/\r/, "")
    printf " \\\n    \"%s\\n\"", $0
    lines++
}

END {
    if (!failed)
        end_statement()
    exit failed
}

function end_statement() {
    if (name != "" && lines == 0)
        stop("there is nothing under the name " tolower(name))
    if (name != "")
        print "\n"
}

function stop(why) {
    printf "%s:%d: %s\n", FILENAME, FNR, why > "/dev/stderr"
    failed = 1
    exit 1
}
