# shellcheck shell=sh disable=SC2317 # each script uses some of it
# Functions of both packages that make gordon's configuration readable and its folders
# writable for gordon, whatever the state before: an administrator may have removed the
# package and the user, and the numbers of user and group may belong to others by now.

# readable PATH reports whether gordon's user can read it, by any group or mode.
readable() {
	setpriv --reuid=gordon --regid=gordon --init-groups test -r "$1" 2>/dev/null
}

# group_of PATH prints UNKNOWN if the group does not exist.
group_of() {
	stat --format=%G "$1"
}

# restore_groups gives gordon's group the files that gordon cannot read, and the files of
# a group that no longer exists. Other permissions that make a file readable are kept.
restore_groups() {
	for path in /etc/gordon.toml /etc/gordon.d /etc/gordon /etc/gordon.d/*.toml; do
		if [ -e "$path" ] && [ ! -L "$path" ] && { [ "$(group_of "$path")" = UNKNOWN ] || ! readable "$path"; }; then
			chgrp gordon "$path"
		fi
	done
	# An instance may have another user than gordon: its files need no correction.
	for path in /etc/gordon/*.toml /etc/gordon/*.d /etc/gordon/*.d/*.toml; do
		if [ -e "$path" ] && [ ! -L "$path" ] && [ "$(group_of "$path")" = UNKNOWN ]; then
			chgrp gordon "$path"
		fi
	done
}

# restore_owner DIR UID gives gordon the files of its former user in its folder, if that
# user had another number.
restore_owner() {
	if [ -n "$2" ] && [ "$2" != 0 ] && [ "$2" != "$(id -u gordon)" ]; then
		chown --recursive --no-dereference --from="$2" gordon:gordon "$1"
	fi
}

# owner_of DIR prints nothing if the folder does not exist.
owner_of() {
	stat --format=%u "$1" 2>/dev/null || true
}
