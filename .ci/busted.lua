-- busted under Lua 5.4: Debian's own script would start under 5.1 where that is installed.
require "busted.runner" { standalone = false }
