import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { giveBackCode, ownCode } from './give-back.ts'

test('only the code of the program itself is given back', () => {
  const maps = [
    '00400000-01c39000 r--p 00000000 fe:00 11 /opt/berth/berth-daemon',
    '01c39000-06a43000 r-xp 01839000 fe:00 11 /opt/berth/berth-daemon',
    '06a43000-06a4b000 rw-p 06643000 fe:00 11 /opt/berth/berth-daemon',
    '7f1000000000-7f1000155000 r-xp 00026000 fe:00 12 /usr/lib/x86_64-linux-gnu/libc.so.6',
    '7ffc2d5f0000-7ffc2d5f2000 r-xp 00000000 00:00 0 [vdso]',
  ].join('\n')
  expect(ownCode(maps, '/opt/berth/berth-daemon')).toEqual([{ from: 0x01c39000n, to: 0x06a43000n }])
})

test('the program goes on after it', async () => {
  const code = ownCode(readFileSync('/proc/self/maps', 'utf8')).reduce((sum, { from, to }) => sum + Number(to - from), 0)
  expect(code).toBeGreaterThan(10_000_000)
  expect(await giveBackCode()).toBe(code)
  expect([3, 1, 2].sort()).toEqual([1, 2, 3])
})
