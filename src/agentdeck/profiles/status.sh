#!/bin/sh
# The status line of an agent CLI: status.sh FOLDER KIND [COMMAND]. Reports as report.sh does, and prints what COMMAND,
# the person's own status line, prints.
said=$(cat)
printf '%s' "$said" | /bin/sh "${0%/*}/report.sh" "$1" "$2"
[ -n "$3" ] || exit 0
printf '%s' "$said" | /bin/sh -c "$3"
