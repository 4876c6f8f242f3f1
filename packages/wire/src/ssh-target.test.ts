import { expect, test } from 'bun:test'
import { knownHostName, parseSshTarget } from './ssh-target.ts'

test('reads whom ssh is to reach, and nothing that ssh would take for an option', () => {
  expect(parseSshTarget('vps.example')).toEqual({ user: 'root', host: 'vps.example', port: 22 })
  expect(parseSshTarget('me@10.0.0.7:2222')).toEqual({ user: 'me', host: '10.0.0.7', port: 2222 })
  expect(parseSshTarget('me@[2001:db8::1]:22')).toEqual({ user: 'me', host: '2001:db8::1', port: 22 })
  for (const wrong of ['', '-oProxyCommand=x', 'me@-x', '-l@host', 'me@host:0', 'me@host:65536', 'me@host:', 'me@ho st', 'me@host;id', 'a@b@c', "me@'x'", 'ssh://me@host']) expect({ wrong, target: parseSshTarget(wrong) }).toEqual({ wrong, target: null })
})

test('is named in a file of known hosts as ssh names it', () => {
  expect(knownHostName({ user: 'me', host: 'vps.example', port: 22 })).toBe('vps.example')
  expect(knownHostName({ user: 'me', host: 'vps.example', port: 2222 })).toBe('[vps.example]:2222')
})
