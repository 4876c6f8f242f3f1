/** What a person would have in `~/.kube/config` for this cluster. JSON is YAML. */
export interface Way { readonly url: string; readonly ca?: string; readonly namespace?: string; readonly user: Readonly<Record<string, unknown>> }

export function kubeconfig({ url, ca, namespace, user }: Way): string {
  const cluster = { server: url, ...(ca === undefined ? {} : { 'certificate-authority-data': Buffer.from(ca).toString('base64') }) }
  return `${JSON.stringify({
    apiVersion: 'v1', kind: 'Config', 'current-context': 'sim', clusters: [{ name: 'sim', cluster }], users: [{ name: 'sim', user }],
    contexts: [{ name: 'sim', context: { cluster: 'sim', user: 'sim', ...(namespace === undefined ? {} : { namespace }) } }],
  })}\n`
}
