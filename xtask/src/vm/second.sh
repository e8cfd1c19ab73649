# The machine's first process once its root is whole: runs the job, says how it ended, and switches off.
run=$1
cd /
ip link set lo up
hostname machine
# One table of neighbours serves all namespaces, and what tests put into it is more than one machine's.
for bound in 1 2 3; do
    echo 16384 >/proc/sys/net/ipv4/neigh/default/gc_thresh$bound
done
stty -F /dev/tty1 raw -echo
stty -F /dev/tty2 raw -echo
setsid sh "$run/job" </dev/null >/dev/tty1 2>/dev/tty2
echo $? >"$run/status"
# Setting a terminal up waits until what was written to it has left.
stty -F /dev/tty1 raw
stty -F /dev/tty2 raw
echo o >/proc/sysrq-trigger
sleep 60
