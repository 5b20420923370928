#!/bin/bash
# Runs as root inside of the virtual machine that vm.sh boots. Each story is a task
# that misbehaves; what holds it is gordon with the package's own unit.
#
# shellcheck disable=SC2317 # what "hold" and "soon" are given is called by its name
set -uo pipefail
export LANG=C.UTF-8 SYSTEMD_PAGER=cat SYSTEMD_COLORS=0

groups=/sys/fs/cgroup/system.slice/gordon.service
failed=0

story() { printf '\n== %s (%s s after the boot)\n' "$1" "$(cut -d. -f1 /proc/uptime)"; }

# hold WHAT COMMAND...: it must succeed.
hold() {
	local what=$1
	shift
	if "$@"; then echo "   ok: $what"; else echo "   FAILED: $what: $*"; failed=1; fi
}

# soon WHAT COMMAND...: it must succeed within two minutes.
soon() {
	local what=$1 until=$((SECONDS + 120))
	shift
	while [ "$SECONDS" -lt "$until" ]; do
		if "$@" 2>/dev/null; then echo "   ok: $what"; return; fi
		sleep 0.2
	done
	echo "   FAILED, after two minutes: $what: $*"
	failed=1
}

# script NAME: makes the script of a task from standard input.
script() {
	{ echo '#!/bin/sh'; cat; } >"/usr/local/bin/$1"
	chmod 755 "/usr/local/bin/$1"
}

push() { redis-cli RPUSH "taskqueue:$1" '{}' >/dev/null; }
pid() { systemctl show --property=MainPID --value gordon; }
log() { journalctl --unit=gordon --output=short-monotonic --no-hostname "$@"; }
logged() { journalctl --quiet --unit=gordon --output=cat | grep -qF -- "$1"; }
ended() { journalctl --quiet --unit=gordon --output=cat "GORDON_TASK_TYPE=$1" "GORDON_OUTCOME=$2" | grep -q .; }
message() { redis-cli --raw LINDEX "taskqueue:$1:failed" 0 | jq -r .error_message | head -n 1; }
# field TYPE NAME: of the record that tells of the end of a task.
field() { journalctl --quiet --unit=gordon --output=json "GORDON_TASK_TYPE=$1" | jq -r "select(.GORDON_OUTCOME).GORDON_$2"; }
same() { [ "$1" = "$2" ] || { echo "   got: $1"; return 1; }; }
dead() { [ -s "$1" ] && ! kill -0 "$(cat "$1")" 2>/dev/null; }
none() { [ -z "$(find "$groups/task.$1" -mindepth 1 -type d)" ]; }
# lived: the daemon is the one that was started, and takes tasks.
lived() {
	push quiet
	hold 'the daemon is the same' same "$(pid)" "$daemon"
	soon 'another task runs' test -e /var/lib/gordon/quiet
	rm -f /var/lib/gordon/quiet
}

echo 'stories: begin'
uname --kernel-release --machine
systemctl --version | head -n 1

story 'the package is installed'
dpkg --install /e2e/gordon.deb 2>&1 | sed 's/^/   /'
script quiet <<<'touch /var/lib/gordon/quiet'
script hog <<<'head -c 400M /dev/zero | tail -c 400M'
script bomb <<<'bomb() { bomb | bomb & }; bomb 2>/dev/null; exec sleep 600'
script fails <<<'exit 3'
script notify <<<'echo $$ >/var/lib/gordon/notify; exec cat /silent/file'
script once <<<'echo run >>/var/lib/gordon/once'
script stuck <<<'echo $$ >/var/lib/gordon/stuck; exec cat /silent/file'
script burner <<<'while :; do :; done'
# Twice away from its parent, in a session of its own, with nothing open and
# nothing in its environment, and deaf.
script escape <<'SH'
setsid env -i PATH="$PATH" sh -c 'sh -c "
	trap \"\" TERM HUP INT
	echo \$\$ >/var/lib/gordon/'"$GORDON_TASK_TYPE"'
	while :; do sleep 1; done" &' </dev/null >/dev/null 2>&1
while ! [ -s "/var/lib/gordon/$GORDON_TASK_TYPE" ]; do sleep 0.1; done
case $GORDON_TASK_TYPE in hangs) sleep 600 ;; esac
SH
cat >/etc/gordon.d/stories.toml <<'TOML'
kill_grace = "1s"
shutdown_timeout = "2s"
[tasks.quiet]
script = "/usr/local/bin/quiet"
[tasks.hog]
script = "/usr/local/bin/hog"
memory_max = "32M"
[tasks.hogs]
script = "/usr/local/bin/hog"
[tasks.hogs.total]
memory_max = "48M"
[tasks.bomb]
script = "/usr/local/bin/bomb"
tasks_max = 30
timeout = "15s"
[tasks.filler]
script = "/usr/local/bin/bomb"
timeout = "15s"
[tasks.once]
script = "/usr/local/bin/once"
workers = 4
on_crash = "fail"
[tasks.stuck]
script = "/usr/local/bin/stuck"
tasks_max = 30
timeout = "3s"
[tasks.fails]
script = "/usr/local/bin/fails"
[tasks.burner]
script = "/usr/local/bin/burner"
cpu_quota = "20%"
timeout = "5s"
[tasks.stays]
script = "/usr/local/bin/escape"
[tasks.leaves]
script = "/usr/local/bin/escape"
leftovers = "kill"
[tasks.hangs]
script = "/usr/local/bin/escape"
timeout = "3s"
TOML
mkdir -p /etc/systemd/system/gordon.service.d
# systemd waits for TimeoutStopSec= several times when a process does not die.
cat >/etc/systemd/system/gordon.service.d/stories.conf <<'UNIT'
[Service]
ExecStart=
ExecStart=/usr/bin/gordon --conf /etc/gordon.toml --verbose
TimeoutStopSec=10s
UNIT
systemctl daemon-reload
hold 'gordon starts' systemctl restart gordon
daemon=$(pid)
hold 'it has its group, with all controllers' logged 'tasks run in control groups group=/system.slice/gordon.service controllers="cpu io memory pids"'
hold 'it is in a leaf' grep -q '/gordon.service/daemon$' "/proc/$daemon/cgroup"

story 'a task that wants more memory than it may have'
push hog
soon 'it ends as out of memory' ended hog 'out of memory'
hold 'the failed list says why' same "$(message hog)" 'signal: killed (out of memory: exceeded memory_max = 32M)'
hold 'the log tells what it had' [ "$(field hog PEAK_MEMORY)" -gt 16000000 -a "$(field hog PEAK_MEMORY)" -le 33554432 ]
lived
push hogs
soon 'so does one whose type has no more' ended hogs 'out of memory'
hold 'the failed list says whose limit' same "$(message hogs)" 'signal: killed (out of memory: all runs of the type together exceeded total.memory_max = 48M)'
log GORDON_TASK_TYPE=hog + GORDON_TASK_TYPE=hogs

story 'a fork bomb'
push bomb
soon 'it has as many processes as it may' sh -c "test \"\$(cat $groups/task.bomb/*/pids.current)\" -ge 29"
lived
soon 'it ends at its time-out' ended bomb 'timed out'
soon 'nothing is left of it' none bomb
hold 'no process of it lives' sh -c '! pgrep -x bomb'
hold 'the log says that it was held' logged 'the task reached tasks_max'
log GORDON_TASK_TYPE=bomb

full() { [ "$(cat "$groups/pids.current")" -ge 95 ]; }
all_ran() { [ "$(wc -l </var/lib/gordon/once)" = 5 ]; }
failed_once() { redis-cli LLEN taskqueue:once:failed; }

story 'a unit with as many processes as TasksMax= allows'
hold 'the unit may have 100' systemctl set-property --runtime gordon.service TasksMax=100
push filler
soon 'it has them' full
for _ in 1 2 3 4 5; do push once; done
soon 'starts wait' logged 'of 100 tasks (TasksMax= of its unit)'
hold 'a reload' systemctl kill --kill-whom=main --signal=HUP gordon
hold 'the daemon is the same' same "$(pid)" "$daemon"
soon 'the filler ends at its time-out' ended filler 'timed out'
soon 'all run when there is room' all_ran
hold 'none has failed' same "$(failed_once)" 0
hold 'no limit any more' systemctl set-property --runtime gordon.service TasksMax=infinity
lived

story 'a task that burns CPU time'
began=$(cut -d. -f1 /proc/uptime)
push burner
soon 'it ends at its time-out' ended burner 'timed out'
took=$(($(cut -d. -f1 /proc/uptime) - began + 1))
used=$(sed -n 's/^usage_usec //p' "$groups/task.burner/cpu.stat")
echo "   $used µs of CPU time in less than $took s"
hold 'it had a fifth of one CPU, and not more' [ "$used" -lt $((took * 250000)) ]
hold 'the log tells what it used' [ "$(field burner CPU_USER_USEC)" -gt 100000 -a "$(field burner CPU_USER_USEC)" -le "$used" ]
hold 'the log says that it was held' logged 'the task was throttled by cpu_quota'
log GORDON_TASK_TYPE=burner

story 'a process that gets away from its task'
push hangs
soon 'the task ends at its time-out' ended hangs 'timed out'
hold 'its daemon is gone with it' dead /var/lib/gordon/hangs
push leaves
soon 'a task ends by itself' ended leaves ok
hold 'with leftovers = "kill", its daemon is gone' dead /var/lib/gordon/leaves
hold 'the log counts what was left' logged 'killed left-over processes of the task'
push stays
soon 'a task ends by itself' ended stays ok
hold 'with leftovers = "allow", its daemon lives' kill -0 "$(cat /var/lib/gordon/stays)"
hold 'the log counts what was left' logged 'the task left processes running'
log GORDON_TASK_TYPE=hangs + GORDON_TASK_TYPE=leaves + GORDON_TASK_TYPE=stays

# stuck: the process of the task is there, and deaf: SIGKILL waits for it.
stuck() { local name; for name; do grep -q '^State:.D' "/proc/$(cat "/var/lib/gordon/$name")/status" || return; done; }
# restarted: another daemon is up, and has the groups of its tasks.
restarted() {
	[ "$(pid)" != "$daemon" ] && [ "$(systemctl is-active gordon)" = active ] || return
	journalctl --quiet --unit=gordon --output=cat "_PID=$(pid)" | grep -qF 'tasks run in control groups'
}
ran_again() { [ "$(message stuck)" = 'exit status 1' ]; }
controllers() { same "$(cat "$groups/cgroup.subtree_control")" 'cpu io memory pids'; }

story 'a process that nothing can kill, in a file system that no longer answers'
mkdir /silent
module=(/e2e/fuse.k[o]) # Debian 13's kernel needs none
[ -e "${module[0]}" ] || module=()
systemd-run --quiet --unit=silentfs /e2e/silentfs /silent "${module[@]}"
soon 'the file system is there' test -f /silent/file
printf 'error_script = "/usr/local/bin/notify"\n' >/etc/gordon.d/t.toml
hold 'reload' systemctl reload gordon
push stuck
push fails
soon 'the error_script hangs' test -s /var/lib/gordon/notify
soon 'the task hangs, beyond its time-out' stuck stuck
lived
began=$SECONDS
hold 'a restart' systemctl restart gordon
echo "   it took $((SECONDS - began)) s"
soon 'another daemon is up' restarted
hold 'both processes are as before' stuck stuck notify
daemon=$(pid)
hold 'controllers' controllers
lived
hold 'its entry waits' same "$(redis-cli EXISTS taskqueue:stuck taskqueue:stuck:failed)" 0
hold 'the log names what is left' logged 'failed to kill processes of a dead instance; its entries wait'
kill -KILL "$daemon"
soon 'another daemon is up after kill -9' restarted
hold 'both processes are as before' stuck stuck notify
daemon=$(pid)
hold 'controllers' controllers
lived
hold 'the log does not say that the task has ended' sh -c '! journalctl --quiet --unit=gordon --output=cat GORDON_TASK_TYPE=stuck | grep "outcome="'
hold 'or that anything was ended' sh -c '! journalctl --quiet --unit=gordon --output=cat | grep "ended what an earlier\|ended what a dead"'
hold 'the file system ends' systemctl stop silentfs
rm /etc/gordon.d/t.toml
soon 'the entry has run again' ran_again
log --lines=40

story 'a reload, and a stop'
printf '[tasks.hogs.total]\nmemory_max = "infinity"\n' >/etc/gordon.d/t.toml
hold 'reload' systemctl reload gordon
hold 'it changes what all runs may have' same "$(cat $groups/task.hogs/memory.max)" max
rm /etc/gordon.d/t.toml
hold 'the daemon lived through all of it' same "$(pid)" "$daemon"
hold 'stop' systemctl stop gordon
hold 'nothing is left' dead /var/lib/gordon/stays
hold 'it was a clean stop' same "$(systemctl show --property=Result --value gordon)" success

story 'limits that cannot be enforced'
printf '[Service]\nDelegate=\nDelegate=pids\n' >/etc/systemd/system/gordon.service.d/delegate.conf
systemctl daemon-reload
hold 'gordon does not start' sh -c '! systemctl start gordon 2>/dev/null'
hold 'its exit status is 78' same "$(systemctl show --property=ExecMainStatus --value gordon)" 78
hold 'the log says what is missing, and what gives it' logged "tasks.burner.cpu_quota: can't be enforced on this machine: the cpu controller is not delegated to gordon: the unit needs Delegate=yes"
printf '[Service]\nDelegate=no\n' >/etc/systemd/system/gordon.service.d/delegate.conf
systemctl daemon-reload
hold 'nor without any group' sh -c '! systemctl start gordon 2>/dev/null'
hold 'the log says so' logged 'no control group is delegated to gordon: /system.slice/gordon.service is not delegated: the unit needs Delegate=yes'
log --lines=12

story 'what the kernel does with a group (the tests of pkg/cgroup)'
# Where /tmp is a disk in memory, nothing is written to it.
hold 'all of them' systemd-run --quiet --pipe --wait --property=Delegate=yes --property=User=gordon --setenv=TMPDIR=/var/tmp /e2e/cgroup.test -test.v

printf '\nup for %s s\n' "$(cut -d. -f1 /proc/uptime)"
exit "$failed"
