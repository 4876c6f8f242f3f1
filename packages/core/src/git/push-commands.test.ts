import { expect, test } from 'bun:test'
import { readPushCommands } from './push-commands.ts'

test('a name that is no text is told by its bytes, and is not understood', () => {
  const id = '1'.repeat(40)
  const line = Buffer.concat([Buffer.from(`${id} ${'2'.repeat(40)} refs/heads/h`), Buffer.from([0x9c])])
  const bytes = Buffer.concat([Buffer.from((line.length + 4).toString(16).padStart(4, '0')), line, Buffer.from('0000')])
  expect(readPushCommands(new Uint8Array(bytes))).toMatchObject({ kind: 'read', strict: 'the push cannot be understood', commands: [{ oldId: id, ref: 'refs/heads/h\u009c' }] })
})

test('words of what a push can do end where they end for git', () => {
  const id = '1'.repeat(40)
  const reading = (said: string) => {
    const line = `${id} ${'2'.repeat(40)} refs/heads/main\0${said}`
    return readPushCommands(new TextEncoder().encode(`${(line.length + 4).toString(16).padStart(4, '0')}${line}0000`))
  }
  expect(reading('report-status\vobject-format=md5')).toMatchObject({ kind: 'read', capabilities: ['report-status\vobject-format=md5'] })
  expect(reading('report-status object-format\fmd5')).toMatchObject({ kind: 'read' })
  expect(reading('report-status object-format=sha1\rx')).toMatchObject({ kind: 'broken' })
  expect(reading('report-status\robject-format=md5')).toMatchObject({ kind: 'broken' })
  expect(reading('report-status push-options')).toMatchObject({ kind: 'read', strict: 'push options are not passed on' })
})

test('what a certificate says is not read for commands, and the push is refused whole', () => {
  const packet = (text: string): string => (text.length + 4).toString(16).padStart(4, '0') + text
  const [none, id] = ['0'.repeat(40), '1'.repeat(40)]
  const bytes = new TextEncoder().encode([packet('push-cert\0report-status'), packet('certificate version 0.1\n'), packet(`${none} ${id} refs/heads/main\n`), packet('push-cert-end\n'), packet(`${none} ${id} refs/heads/berth/demo\n`), '0000'].join(''))
  expect(readPushCommands(bytes)).toMatchObject({ kind: 'read', strict: 'signed pushes are not accepted here', commands: [{ ref: 'refs/heads/berth/demo' }] })
})
