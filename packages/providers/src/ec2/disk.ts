/** The disk that outlives the instance, as the guest finds it. It comes empty, under a name that only the device model tells. */
export const DISK = { mount: '/mnt/berth', device: '/dev/disk/by-label/berth-disk' } as const

/** The one EBS device that nothing is on and nobody mounted gets a file system. Instance stores have another model. */
export const FORMAT_DISK = `  for model in /sys/block/nvme*/device/model; do
    device=/dev/$(basename "$(dirname "$(dirname "$model")")")
    grep -q "Amazon Elastic Block Store" "$model" 2>/dev/null || continue
    [ -z "$(lsblk --noheadings --output MOUNTPOINT "$device" | tr -d ' \\n')" ] && [ "$(lsblk --noheadings --output NAME "$device" | wc -l)" = 1 ] || continue
    blkid "$device" > /dev/null || mkfs.ext4 -q -L berth-disk "$device"
  done`
