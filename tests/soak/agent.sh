#!/bin/sh
# An agent: agent.sh LEDGER PIDS PLAN. It writes tokens that nobody else writes, and notes each in the ledger afterwards.
#   u untracked   s staged   i staged and then changed   m changed   c committed   k a line that conflicts
#   d a daemon that hides   w wait a while   h stay until stopped   x fail
ledger=$1 pids=$2 plan=$3 number=0
token() { number=$((number + 1)); token="tok-$AGENTDECK_AGENT-$$-$(date +%s%N)-$number"; }
noted() { echo "$token" >>"$ledger"; }
while [ -n "$plan" ]; do
    rest=${plan#?} step=${plan%"${plan#?}"} plan=$rest
    token
    case $step in
    u) mkdir -p new; echo "$token" >"new/$token"; noted ;;
    s) mkdir -p new; echo "$token" >"new/$token"; noted; git add "new/$token" ;;
    i) echo "$token" >>"own-$AGENTDECK_AGENT"; noted; git add "own-$AGENTDECK_AGENT"
       token; echo "$token" >>"own-$AGENTDECK_AGENT"; noted ;;
    m) echo "$token" >>"own-$AGENTDECK_AGENT"; noted ;;
    c) echo "$token" >>"own-$AGENTDECK_AGENT"; noted; git add -A; git commit -qm "$token" ;;
    k) echo "$token" >>shared; noted; git commit -qam "$token" ;;
    d) setsid env -i /bin/sh -c "echo \$\$ >>'$pids'; exec sleep 300" >/dev/null 2>&1 & ;;
    w) sleep 0.3 ;;
    h) sleep 300 ;;
    x) exit 3 ;;
    esac
done
