/** A workspace whose image has no tmux: terminals are kept by the daemon's own holder, and every byte travels. */
import { openEngine } from './docker-engine.ts'
import type { TerminalWorkspace } from './plain-workspace.ts'
import { startProduct } from './product.ts'
import { bringUp } from './workspace.ts'

export async function startHolderWorkspace(command: string): Promise<TerminalWorkspace> {
  const engine = await openEngine()
  const image = await engine.imageWithoutTmux()
  const product = startProduct()
  const close = async (): Promise<void> => {
    try {
      await product.close()
    } finally {
      await image.remove()
    }
  }
  try {
    const { id } = await bringUp(product, 'bench', ['--provider', 'docker', '--image', image.reference, '--agent', 'plain', '--command', command])
    return { product, id, keeper: 'holder', readWork: (name) => engine.readFile(id, `/workspace/${name}`), close }
  } catch (error) {
    await close().catch(() => {})
    throw error
  }
}
