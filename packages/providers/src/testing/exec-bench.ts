/** The documented example of a person's commands, and a server from which its machines take a stand-in daemon. */
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { MachineSpec } from '@berth/core'
import { createExecProvider, type ExecProviderOptions } from '../exec/index.ts'

export const EXAMPLE = resolve(import.meta.dir, '../../../../docs/exec/machines.py')
/** Debian's own: a wrapper of some other Python takes a tenth of a second to find it. */
export const PYTHON = ['/usr/bin/python3', '-I'] as const
/** Ends when it is told to, as the daemon does. */
export const DAEMON = '#!/bin/sh\ntrap "echo ended; exit 0" TERM\necho "up $*"\nwhile :; do sleep 1000 & wait $!; done\n'

const MIB = 1024 ** 2

export function openExecBench() {
  const root = mkdtempSync('/tmp/berth-exec-')
  chmodSync(root, 0o711)
  const hash = randomBytes(8).toString('hex')
  const link = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: ({ url, headers }) => (url.endsWith(`/toolbox/${hash}/berth-daemon`) && headers.get('authorization')?.startsWith('Bearer ws_') ? new Response(DAEMON) : new Response('no', { status: 404 })) })
  const machines = join(root, 'machines')
  const spec: MachineSpec = {
    image: null, memoryBytes: 512 * MIB, cpus: 1, pids: 256,
    boot: { bootToken: `boot-token-${randomBytes(8).toString('hex')}`, link: { unixSocket: null, loopbackUrl: null, publicUrl: `http://127.0.0.1:${link.port}` }, toolbox: { hostDir: '/nonexistent', hash } },
  }
  return {
    root, machines, spec,
    provider: (installation: string, change: Partial<ExecProviderOptions> = {}) => createExecProvider({ installation, log: () => {}, command: [...PYTHON, EXAMPLE, machines], isolation: 'sandbox', ...change }),
    async close() {
      await link.stop(true)
      rmSync(root, { recursive: true, force: true })
    },
  }
}
