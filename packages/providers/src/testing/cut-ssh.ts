/** An ssh that breaks as it is told: before or after the host did something, or in the middle of it. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** `before`: nothing reaches the host. `after`: the host did it and its answer is lost. A number: so many commands run, then a kill. */
export type Cut = 'none' | 'before' | 'after' | number
export interface CutSsh { /** In place of `ssh`. */ readonly program: string; plan(cut: Cut): void; remove(): void }

/** On the host: how many commands the last counted script came to. */
export const REACHED = '/run/reached'

/** The connection itself is let be. */
const text = (dir: string): string => `#!/bin/bash
plan=$(cat ${dir}/plan)
last="\${!#}"
case "$last" in *'/bin/sh -s') ;; *) exec ssh "$@";; esac
case $plan in
  none) exec ssh "$@";;
  before) exit 255;;
  after) ssh "$@" > /dev/null; exit 255;;
esac
exec ssh "\${@:1:$#-1}" "exec bash -c 'set -T; n=0; trap \\"n=\\\\\\$((n+1)); echo \\\\\\$n > ${REACHED}; [ \\\\\\$n -le $plan ] || kill -9 \\\\\\$\\\\\\$\\" DEBUG; source /dev/stdin'"
`

export function createCutSsh(): CutSsh {
  const dir = mkdtempSync(join(tmpdir(), 'cut-ssh-'))
  const program = join(dir, 'ssh')
  const plan = (cut: Cut): void => writeFileSync(join(dir, 'plan'), String(cut))
  plan('none')
  writeFileSync(program, text(dir))
  chmodSync(program, 0o755)
  return { program, plan, remove() { rmSync(dir, { recursive: true, force: true }) } }
}
