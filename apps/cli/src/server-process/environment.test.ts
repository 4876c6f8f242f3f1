import { describe, expect, it } from 'bun:test'
import { serverEnvironment } from './environment.ts'

describe('the environment of the server', () => {
  it('names the user, also where nobody set USER', () => {
    const { PATH } = process.env
    const system = Bun.spawnSync(['id', '-un']).stdout.toString().trim()
    expect(system).not.toBe('')
    expect(serverEnvironment('/h', { PATH, USER: 'me' })).toMatchObject({ PATH, USER: 'me', BERTH_HOME: '/h' })
    expect(serverEnvironment('/h', { PATH, LOGNAME: 'me' })['USER']).toBe('me')
    for (const env of [{ PATH }, { PATH, USER: '' }]) expect(serverEnvironment('/h', env)['USER']).toBe(system)
  })
})
