/**
 * A large answer of a dev server through a preview: timed against the bare mux between two processes, and against the mux in
 * the middle of as many processes as a preview has, two that only carry, with a dev server and client of the same programs. On few
 * processors the time says how many processes share them; what each gigabyte costs of them says what is ours.
 */
import { bulkThroughMux } from './mux.ts'
import { MB, RUNS, sideBySide, spread } from './measure.ts'
import type { Bench } from './measure.ts'
import { cpuSeconds, LARGE, load, startPeer, startSandboxedPreview } from './preview-peers.ts'
import type { Proxy } from './preview-peers.ts'
import { startProduct } from './product.ts'

const GB = 1000 * MB

export const previewStreaming: Bench = {
  name: 'preview-streaming',
  summary: 'a large answer through a preview against the bare mux, by time and by processor time',
  async *run({ signal }) {
    const origin = await startPeer('preview-origin', [String(LARGE)])
    const relay = await startRelay(Number(origin.line))
    const product = startProduct()
    try {
      const ours = await startSandboxedPreview(product)
      const rate = (proxy: Proxy) => async (): Promise<number> => LARGE / MB / ((await load(proxy, ['large'])) / 1000)
      const cost = (proxy: Proxy) => async (): Promise<number> => {
        const before = cpuSeconds(proxy.pids())
        await load(proxy, ['large'])
        return (cpuSeconds(proxy.pids()) - before) / (LARGE / GB)
      }
      const bytes = await sideBySide(signal, rate(ours), bulkThroughMux)
      yield {
        name: 'preview-streaming', value: bytes.value, unit: 'MB/s', floor: bytes.floor, goal: { ratioAtLeast: 0.8 },
        detail: `one answer of ${LARGE / MB} MB from dev server to client; floor: one stream of the bare mux on a WebSocket; ${RUNS} runs, ${spread(bytes.values, 'MB/s')}`,
      }
      const relayed = await sideBySide(signal, rate(ours), rate(relay.proxy))
      yield {
        name: 'preview-streaming-relayed', value: relayed.value, unit: 'MB/s', floor: relayed.floor, goal: { ratioAtLeast: 0.8 },
        detail: `the same; floor: the same programs of dev server and client with the mux alone between two processes in the middle; ${spread(relayed.values, 'MB/s')}`,
      }
      const spent = await sideBySide(signal, cost(ours), cost(relay.proxy))
      yield {
        name: 'preview-streaming-cpu', value: spent.value, unit: 's/GB', floor: spent.floor, goal: { ratioAtMost: 1.25 },
        detail: `processor time of server and daemon for each gigabyte; floor: of those two that only carry; ${spread(spent.values, 's/GB')}`,
      }
    } finally {
      await product.close()
      await relay.close()
      await origin.close()
    }
  },
}

async function startRelay(origin: number): Promise<{ proxy: Proxy; close(): Promise<void> }> {
  const near = await startPeer('mux-relay', ['server'])
  const [port = '', linkPort = ''] = near.line.split(' ')
  const far = await startPeer('mux-relay', ['daemon', linkPort, String(origin)])
  const close = async (): Promise<void> => {
    await far.close()
    await near.close()
  }
  return { proxy: { port: Number(port), host: `localhost:${port}`, cookie: '', pids: () => [near.pid, far.pid] }, close }
}
