/** What stands in a saved state, to whoever has the key: its manifest, its daemon's memory and its archive, unpacked. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { opened } from '@berth/store'
import type { Product } from '../product.ts'
import { formsOf } from '../secret-forms.ts'

export async function openedState({ home }: Product, id: string): Promise<{ kept: Buffer; plain: Buffer }> {
  const kept = readFileSync(join(home, 'states', `${id}.berth`))
  const key = new Uint8Array(Buffer.from(readFileSync(join(home, 'master.key'), 'utf8').trim().split('\n')[0] ?? '', 'hex'))
  const { plain } = await opened((async function* () { yield kept })(), key)
  const whole = Buffer.concat(await Array.fromAsync(plain))
  const manifest = 4 + whole.readUInt32BE(0)
  const memory = manifest + 4 + whole.readUInt32BE(manifest)
  return { kept, plain: Buffer.concat([whole.subarray(0, memory), zstdDecompressSync(whole.subarray(memory))]) }
}

export const met = (bytes: Buffer, secrets: Readonly<Record<string, string>>): string[] =>
  Object.entries(secrets).filter(([, secret]) => formsOf(secret).some((form) => bytes.includes(form))).map(([name]) => name)
