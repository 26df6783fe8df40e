#!/bin/sh
# Called by an agent CLI's own hook that asks for a permission: ask.sh FOLDER KIND. Reports as report.sh does, and waits
# for the runner to say what to answer; with nothing said, the CLI's own dialog decides. Every error is silent.
inbox=$1/inbox
[ -d "$inbox" ] || exit 0
name=$2-$$-$(date +%s)
answer=$1/asking/$name
mkdir -p -m 700 "$1/asking" 2>/dev/null
mkfifo -m 600 "$answer" 2>/dev/null || answer=
cat >"$inbox/$name.tmp" 2>/dev/null
mv "$inbox/$name.tmp" "$inbox/$name.json" 2>/dev/null
[ -p "$inbox/.poke" ] && printf x 1<>"$inbox/.poke" 2>/dev/null
[ -n "$answer" ] || exit 0
cat "$answer" 2>/dev/null
rm -f "$answer"
exit 0
