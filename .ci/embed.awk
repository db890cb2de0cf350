# Writes the files given as arguments as a table of C strings (include/embed.h).
# Runs under mawk, gawk and BSD awk; LC_ALL=C keeps every byte as it is.
BEGIN {
    print "#include \"embed.h\"\n"
}

FNR == 1 {
    end_file()
    name[++files] = FILENAME
    printf "static const char text_%d[] =\n", files
    open = 1
}

{
    gsub(/["\\]/, "\\\\&")
    gsub(/\t/, "\\t")
    gsub(/\r/, "\\r")
    gsub(/\?/, "\\?") # no trigraphs
    printf "    \"%s\\n\"\n", $0
}

END {
    end_file()
    print "const EmbeddedFile embedded_files[] = {"
    for (i = 1; i <= files; i++)
        printf "    {\"%s\", text_%d, sizeof text_%d - 1},\n", name[i], i, i
    print "    {0, 0, 0},\n};"
}

function end_file() {
    if (open)
        print "    \"\";\n"
    open = 0
}
