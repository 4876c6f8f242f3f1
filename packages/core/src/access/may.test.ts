import { expect, test } from 'bun:test'
import type { OrgId, UserId } from '@berth/wire'
import { Level, Role, Scope } from '@berth/wire/access'
import { levelIn, mayDo, reaches } from './may.ts'
import type { Asking, Standing } from './may.ts'
import { BESIDE_RIGHTS, ROUTE_RIGHTS } from './rights.ts'
import type { Right } from './rights.ts'

const home = 'org_home' as OrgId
const me = 'usr_me' as UserId
const other = 'usr_other' as UserId
const asking = (over: Partial<Asking> = {}): Asking => ({ userId: me, orgId: home, role: 'owner', scope: 'all', ...over })
const standing = (over: Partial<Standing> = {}): Standing => ({ orgId: home, creatorId: other, role: 'member', grant: null, collaborates: false, ...over })
const RIGHTS = [...new Set<Right>([...Object.values(ROUTE_RIGHTS), ...Object.values(BESIDE_RIGHTS)])]
const ACTING = (['act', 'own', 'make', 'manage', 'operate', 'visit'] satisfies Right[]) as readonly Right[]

test('a viewer and a guest look and never act, whatever route it is and whatever token they have', () => {
  for (const role of ['viewer', 'guest'] as const) {
    for (const scope of Scope.options) {
      for (const creatorId of [me, other]) {
        for (const right of RIGHTS.filter((one) => ACTING.includes(one))) {
          expect([role, right, mayDo(asking({ role, scope }), right, { standing: standing({ role, creatorId, collaborates: true }), homeOrg: home }).may]).toEqual([role, right, false])
        }
      }
      expect(mayDo(asking({ role, scope }), 'look', { standing: standing({ role, collaborates: true }), homeOrg: home }).may).toBe(true)
    }
  }
})

test('the whole space: nobody has more with a smaller role, level or scope', () => {
  const grants = [null, ...Level.options]
  const roles = Role.options.toReversed()
  for (const right of RIGHTS) {
    for (const creatorId of [me, other]) {
      for (const collaborates of [false, true]) {
        const may = (role: Role, grant: Level | null, scope: Scope) => mayDo(asking({ role, scope }), right, { standing: standing({ role, grant, creatorId, collaborates }), homeOrg: home }).may
        for (const [r, role] of roles.entries()) {
          for (const [g, grant] of grants.entries()) {
            for (const [s, scope] of Scope.options.entries()) {
              if (may(role, grant, scope)) continue
              for (const smaller of roles.slice(0, r)) expect(may(smaller, grant, scope)).toBe(false)
              if (role !== 'owner') for (const less of grants.slice(1, g)) expect(may(role, less, scope)).toBe(false)
              for (const narrower of Scope.options.slice(0, s)) expect(may(role, grant, narrower)).toBe(false)
            }
          }
        }
      }
    }
  }
})

test('a grant raises a viewer to act and never to own', () => {
  expect(levelIn(me, standing({ role: 'viewer', grant: 'act' }))).toBe('act')
  expect(levelIn(me, standing({ role: 'viewer', grant: 'own' }))).toBe('act')
  expect(levelIn(me, standing({ role: 'guest', grant: 'visit' }))).toBe('visit')
  expect(levelIn(me, standing({ role: 'member', creatorId: me }))).toBe('own')
  expect(levelIn(me, standing({ role: 'owner' }))).toBe('own')
  expect(reaches(levelIn(me, standing()), 'visit')).toBe(false)
})

test('a guest sees the workspaces of repositories they may write to, and no other', () => {
  expect(levelIn(me, standing({ role: 'guest' }))).toBeNull()
  expect(levelIn(me, standing({ role: 'guest', collaborates: true }))).toBe('look')
  expect(levelIn(me, standing({ role: null, grant: 'act', collaborates: true }))).toBeNull()
})

test('a token is of one organisation: elsewhere its user is a stranger', () => {
  const away = asking({ orgId: 'org_away' as OrgId })
  expect(mayDo(away, 'look', { standing: standing({ role: 'owner' }), homeOrg: home })).toEqual({ may: false, because: 'unseen', needs: 'look' })
  expect(mayDo(away, 'operate', { standing: null, homeOrg: home }).may).toBe(false)
  expect(mayDo(away, 'manage', { standing: null, homeOrg: home }).may).toBe(true)
})

test('what makes credentials is not for a narrower credential', () => {
  for (const route of ['createSignInLink', 'revokeToken', 'listTokens'] as const) {
    for (const scope of ['read', 'write'] as const) expect(mayDo(asking({ scope }), ROUTE_RIGHTS[route], { standing: null, homeOrg: home }).may).toBe(false)
  }
})
