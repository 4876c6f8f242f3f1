/** Who asks, by what the request carries: an app's own word (a JWT that it signed), its client's secret, a token, or nothing. */
import { verify } from 'node:crypto'
import { Refusal } from './model.ts'
import type { App, Caller } from './model.ts'
import type { World } from './world.ts'

/** An app's word is good for ten minutes at most, and never from the future. */
const LIFE_LIMIT_S = 600
const BAD = 'Bad credentials'

export function callerOf(world: World, authorization: string | null): Caller {
  if (authorization === null) return { kind: 'nobody' }
  const [, scheme = '', credential = ''] = /^(\S+)\s+(\S+)$/.exec(authorization) ?? []
  if (/^basic$/i.test(scheme)) return clientOf(world, Buffer.from(credential, 'base64').toString())
  if (!/^(bearer|token)$/i.test(scheme)) throw new Refusal(401, BAD)
  return credential.split('.').length === 3 && !credential.startsWith('gh') ? { kind: 'app', app: appOf(world, credential) } : tokenOf(world, credential)
}

export function tokenOf(world: World, text: string): Caller {
  const token = world.tokens.get(text)
  if (token === undefined || token.expiresAt <= world.now()) throw new Refusal(401, BAD)
  return token
}

function clientOf(world: World, text: string): Caller {
  const [id, secret] = text.split(':')
  const app = world.apps.find(({ clientId }) => clientId === id)
  if (app === undefined || app.clientSecret !== secret) throw new Refusal(401, BAD)
  return { kind: 'client', app }
}

function appOf(world: World, jwt: string): App {
  const [head = '', claims = '', signature = ''] = jwt.split('.')
  const { alg } = parsed(head)
  const { iss, iat, exp } = parsed(claims)
  const app = world.apps.find(({ id, clientId }) => String(iss) === String(id) || iss === clientId)
  if (alg !== 'RS256' || app === undefined) throw new Refusal(401, 'A JSON web token could not be decoded')
  if (!verify('RSA-SHA256', Buffer.from(`${head}.${claims}`), app.publicKey, Buffer.from(signature, 'base64url'))) throw new Refusal(401, 'A JSON web token could not be decoded')
  const nowS = world.now() / 1000
  if (!Number.isInteger(iat) || Number(iat) > nowS) throw new Refusal(401, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
  if (!Number.isInteger(exp) || Number(exp) <= nowS) throw new Refusal(401, "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
  if (Number(exp) > nowS + LIFE_LIMIT_S) throw new Refusal(401, "'Expiration time' claim ('exp') is too far in the future")
  return app
}

function parsed(part: string): Record<string, unknown> {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>
  } catch {
    throw new Refusal(401, 'A JSON web token could not be decoded')
  }
}
