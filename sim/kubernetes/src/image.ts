/** An image with what a workspace needs: that of the simulated machines, and the user that the pod runs as. */
import { createHash } from 'node:crypto'
import { docker, machineImage } from '@berth/sim-machine'

const DOCKERFILE = (base: string): string => `FROM ${base}\nRUN useradd --uid 1000 --user-group --create-home --shell /bin/bash dev\nSTOPSIGNAL SIGTERM\nENTRYPOINT []\nCMD ["/bin/sh"]\n`

export async function workspaceImage(): Promise<string> {
  const text = DOCKERFILE(await machineImage())
  const tag = `berth-sim/workspace:${createHash('sha256').update(text).digest('hex').slice(0, 12)}`
  if ((await docker(['image', 'inspect', '--format', '{{.Id}}', tag], { mayFail: true })).exitCode !== 0) await docker(['build', '--quiet', '--tag', tag, '-'], { stdin: new Blob([text]) })
  return tag
}
