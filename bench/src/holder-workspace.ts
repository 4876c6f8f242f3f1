/** A workspace whose image has no tmux: terminals are kept by the daemon's own holder, and every byte travels. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Workspace } from '@berth/wire'
import { openEngine } from './docker-engine.ts'
import type { TerminalWorkspace } from './plain-workspace.ts'
import { startProduct } from './product.ts'

export async function startHolderWorkspace(command: string): Promise<TerminalWorkspace> {
  const engine = await openEngine()
  const image = await engine.imageWithoutTmux()
  const product = startProduct()
  const source = mkdtempSync(join(tmpdir(), 'berth-bench-src-'))
  const close = async (): Promise<void> => {
    rmSync(source, { recursive: true, force: true })
    try {
      await product.close()
    } finally {
      await image.remove()
    }
  }
  try {
    writeFileSync(join(source, 'README.md'), '# bench\n')
    const { id } = await product.json<Workspace>(['up', source, '--provider', 'docker', '--image', image.reference, '--agent', 'plain', '--command', command, '--no-open', '-y', '--name', 'bench'])
    return { product, id, keeper: 'holder', readWork: (name) => engine.readFile(id, `/workspace/${name}`), close }
  } catch (error) {
    await close().catch(() => {})
    throw error
  }
}
