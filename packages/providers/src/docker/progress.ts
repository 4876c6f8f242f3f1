/** The engine reports pulls and builds as JSON lines in an answer that says 200 even when it fails at its end. */
import { ProviderFault } from '@berth/core'
import { faultOf } from './engine.ts'

const LINE_LIMIT = 64 * 1024
interface ProgressLine { readonly status?: string; readonly id?: string; readonly stream?: string; readonly error?: string }

export async function followProgress(answer: Response, log: (line: string) => void, what: string): Promise<void> {
  if (answer.body === null) return
  const decoder = new TextDecoder()
  let rest = ''
  let last = ''
  const take = (text: string): void => {
    const line = parse(text)
    if (line === null) return
    if (line.error !== undefined) throw refused(line.error, what)
    // Each layer counts its bytes many times a second; a person wants the steps.
    const said = (line.stream ?? [line.id, line.status].filter(Boolean).join(': ')).trim()
    if (said === '' || said === last || /: (Downloading|Extracting)$/.test(said)) return
    last = said
    log(said)
  }
  for await (const chunk of answer.body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = (lines.pop() ?? '').slice(0, LINE_LIMIT)
    for (const line of lines) take(line)
  }
  take(rest)
}

function parse(text: string): ProgressLine | null {
  if (text.trim() === '') return null
  try {
    return JSON.parse(text) as ProgressLine
  } catch {
    return null
  }
}

function refused(said: string, what: string): ProviderFault {
  const fault = faultOf(500, said, what)
  if (fault.category !== 'unknown') return fault
  return new ProviderFault('not_found', fault.message, { hint: 'check the name of the image, and that the engine reaches its registry' })
}
