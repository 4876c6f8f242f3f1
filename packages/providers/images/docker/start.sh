#!/bin/sh
# The first process of the engine beside a machine. $1: the group that may use its socket. All state is below
# /var/lib/docker; what the machine sees is $shared.
set -eu
shared=/run/berth-docker
rm -f "$shared/ready" "$shared/docker.sock" /var/run/docker.pid /run/docker/containerd/containerd.pid
# Limits of its containers are groups below its own one, which the engine outside mounts read-only.
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
  mount -o remount,bind,rw /sys/fs/cgroup
  # A group with limits for others may have no processes of its own.
  mkdir -p /sys/fs/cgroup/engine
  for process in $(cat /sys/fs/cgroup/cgroup.procs); do echo "$process" > /sys/fs/cgroup/engine/cgroup.procs 2>/dev/null || true; done
  sed -e 's/ / +/g' -e 's/^/+/' < /sys/fs/cgroup/cgroup.controllers > /sys/fs/cgroup/cgroup.subtree_control
else
  grep ' cgroup ' /proc/mounts | cut -d ' ' -f 2 | while read -r group; do mount -o remount,bind,rw "$group"; done
fi
# The command line of this very engine, for whatever image the machine has.
mkdir -p "$shared/bin"
cp -u "$(command -v docker)" "$shared/bin/docker"
for plugin in /usr/libexec /usr/local/libexec /usr/lib; do
  if [ -x "$plugin/docker/cli-plugins/docker-compose" ]; then cp -u "$plugin/docker/cli-plugins/docker-compose" "$shared/bin/docker-compose"; fi
done
(
  until docker --host "unix://$shared/docker.sock" version > /dev/null 2>&1; do sleep 0.1; done
  : > "$shared/ready"
) &
# Its networks must not be those of the engine outside, whose addresses the machine also sees.
exec dockerd --host "unix://$shared/docker.sock" --group "$1" --bip 10.213.0.1/24 --default-address-pool base=10.213.0.0/16,size=24 --shutdown-timeout 8
