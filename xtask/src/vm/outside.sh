# Runs the machine ("$@") where it can do no harm: every file system is read-only there, but for the folders that it
# is to write to, and there is no network. Descriptor 3 is the command's standard output, 4 its standard error.
mount --make-rprivate /
findmnt --raw --noheadings --output TARGET | while read -r place; do
    mount -o remount,bind,ro "$place"
done 2>/dev/null
while read -r folder; do
    mount --bind "$folder" "$folder"
    mount -o remount,bind,rw "$folder"
done <"$RUN/folders"
# The machine's memory is a file.
mount -t tmpfs -o size=100% tmpfs /dev/shm
exec 3>&1 4>&2 >"$RUN/console" 2>&1
# Not by exec: the first process of a PID namespace could not end itself after a panic.
"$@"
