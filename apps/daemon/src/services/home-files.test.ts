import { expect, test } from 'bun:test'
import { secretsOf } from './home-files.ts'

const homeFile = (path: string, text: string) => ({ path, contentBase64: Buffer.from(text).toString('base64') })

test('a secret file of one line is a secret, however short; of others their pieces are', () => {
  const of = (path: string, text: string): string[] => secretsOf({ env: {}, secretEnv: [], homeFiles: [homeFile(path, text)] })
  expect(of('.secrets/pin', 'pass word!9\n')).toEqual(['pass word!9'])
  expect(of('.secrets/key', `head\n${'k'.repeat(24)}\nshort-words\n`)).toEqual(['k'.repeat(24)])
  // A login holds words that are everywhere.
  expect(of('.config/login.json', '{"kind":"oauth"}')).toEqual([])
})
