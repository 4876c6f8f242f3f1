/** What tests of the simulator and tests against it do alike: make an app as a browser would, be it, and run git. */
import { createAppAuth } from '@octokit/auth-app'
import { Octokit } from '@octokit/core'
import type { GitHubSim } from './index.ts'

export const PERMISSIONS = { contents: 'write', metadata: 'read', pull_requests: 'write', checks: 'read', statuses: 'read' } as const
export const CALLBACK = 'http://127.0.0.1:1/signed-in'
export interface Conversion { readonly id: number; readonly pem: string; readonly client_id: string; readonly client_secret: string; readonly webhook_secret: string; readonly slug: string }

/** Presses the button that a page of ours would show, and takes the app home. */
export function appMaker(github: GitHubSim) {
  return async (extra: Record<string, unknown> = {}): Promise<Conversion> => {
    github.world.signedIn ??= github.world.account('ada')
    const manifest = { name: 'berth of ada', url: 'https://berth.example', redirect_url: 'http://127.0.0.1:1/back', callback_urls: [CALLBACK], default_permissions: PERMISSIONS, public: false, ...extra }
    const answer = await fetch(`${github.url}/settings/apps/new?state=s1`, { method: 'POST', body: new URLSearchParams({ manifest: JSON.stringify(manifest) }), redirect: 'manual' })
    const to = new URL(answer.headers.get('location') ?? '')
    if (to.searchParams.get('state') !== 's1') throw new Error('the state did not come back')
    const nobody = new Octokit({ baseUrl: github.apiUrl })
    const { data } = await nobody.request('POST /app-manifests/{code}/conversions', { code: to.searchParams.get('code') ?? '' })
    return data as Conversion
  }
}

export const asApp = (github: GitHubSim, { id, pem }: Conversion, installationId?: number) => new Octokit({ baseUrl: github.apiUrl, authStrategy: createAppAuth, auth: { appId: id, privateKey: pem, ...(installationId === undefined ? {} : { installationId }) } })
export const statusOf = async (asked: Promise<unknown>): Promise<number> => asked.then(() => 200, (error: { status: number }) => error.status)

/** Never waited for in place: what it speaks to runs here too. */
export async function runGit({ cwd, home }: { cwd: string; home: string }, args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = Bun.spawn(['git', '-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', ...args], { cwd, env: { PATH: process.env['PATH'] ?? '', HOME: home, GIT_TERMINAL_PROMPT: '0' }, stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  return { code, stdout, stderr }
}
