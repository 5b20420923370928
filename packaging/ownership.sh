# shellcheck shell=sh disable=SC2317 # each script uses some of it
# What both packages do so that gordon can read its configuration and write its
# folders, whatever was there before: an administrator may have removed the package
# and the user, and the numbers of the user and its group may be another's by now.

# readable PATH: whether gordon's user can read it, by whichever group or mode.
readable() {
	setpriv --reuid=gordon --regid=gordon --init-groups test -r "$1" 2>/dev/null
}

# group_of PATH is UNKNOWN where the group is gone.
group_of() {
	stat --format=%G "$1"
}

# restore_groups gives gordon's group what gordon cannot read, and what belongs to a
# group that is gone. An administrator's own way to make it readable is kept.
restore_groups() {
	for path in /etc/gordon.toml /etc/gordon.d /etc/gordon /etc/gordon.d/*.toml; do
		if [ -e "$path" ] && [ ! -L "$path" ] && { [ "$(group_of "$path")" = UNKNOWN ] || ! readable "$path"; }; then
			chgrp gordon "$path"
		fi
	done
	# An instance may have a user that gordon is not: its files are no fault.
	for path in /etc/gordon/*.toml /etc/gordon/*.d /etc/gordon/*.d/*.toml; do
		if [ -e "$path" ] && [ ! -L "$path" ] && [ "$(group_of "$path")" = UNKNOWN ]; then
			chgrp gordon "$path"
		fi
	done
}

# restore_owner DIR UID: gives gordon what its folder holds of the user that it had
# before, if that was another one.
restore_owner() {
	if [ -n "$2" ] && [ "$2" != 0 ] && [ "$2" != "$(id -u gordon)" ]; then
		chown --recursive --no-dereference --from="$2" gordon:gordon "$1"
	fi
}

# owner_of DIR is nobody where the folder is not there.
owner_of() {
	stat --format=%u "$1" 2>/dev/null || true
}
