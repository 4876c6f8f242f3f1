/** What is generated from the contract: `openapi.json` for third parties, and the route map that our own client is driven by. */
import { api } from '@berth/wire/api'
import { API_PREFIX } from '@berth/wire/api-prefix'
import { VERSION } from '@berth/wire'
import { OpenAPIGenerator } from '@orpc/openapi'
import { ZodToJsonSchemaConverter } from '@orpc/zod/zod4'

export async function openApiDocument(): Promise<object> {
  const generator = new OpenAPIGenerator({ schemaConverters: [new ZodToJsonSchemaConverter()] })
  return generator.generate(api, {
    info: { title: 'Berth', version: VERSION },
    servers: [{ url: API_PREFIX }],
    security: [{ token: [] }],
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  })
}

export interface Route { readonly name: string; readonly method: string; readonly path: string }

export function contractRoutes(): Route[] {
  return Object.entries(api).map(([name, procedure]) => {
    const { method, path } = procedure['~orpc'].route
    if (!method || !path) throw new Error(`${name} has no method or no path in the contract`)
    return { name, method, path }
  })
}

/** The source of `packages/wire/src/routes.ts`. */
export function routesSource(): string {
  const lines = contractRoutes().map(({ name, method, path }) => `  ${name}: '${method} ${path}',`)
  return [
    '/** Generated from `api.ts` by `bun scripts/generate.ts`: name → method and path below the API prefix. No run-time dependencies. */',
    "export { API_PREFIX } from './api-prefix.ts'",
    'export const routes = {',
    ...lines,
    '} as const',
    'export type RouteName = keyof typeof routes',
    '',
  ].join('\n')
}
