import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { isAlive } from './find.ts'

test.skipIf(!existsSync('/proc/self/status'))('a process that ended is gone, also where nobody takes note of it', async () => {
  // What `sh` started is the child of `sleep` afterwards, which waits for none.
  const parent = Bun.spawn(['sh', '-c', 'sleep 0.05 & echo $!; exec sleep 60'], { stdout: 'pipe', stderr: 'ignore' })
  try {
    const { value } = await parent.stdout.getReader().read()
    const pid = Number(new TextDecoder().decode(value).trim())
    expect(pid).toBeGreaterThan(1)
    while (isAlive(pid)) await Bun.sleep(5)
    // It still is one that signals reach.
    expect(process.kill(pid, 0)).toBe(true)
    expect(isAlive(parent.pid)).toBe(true)
  } finally {
    parent.kill('SIGKILL')
    await parent.exited
  }
})
