/** Two parsers of others: promtool (`prometheus`) and the OpenMetrics parser of python3-prometheus-client. */
export interface ParsedSample { readonly name: string; readonly labels: Record<string, string>; readonly value: number }

const PARSE = 'import sys,json;from prometheus_client.openmetrics.parser import text_string_to_metric_families as p;print(json.dumps([{"name":s.name,"labels":s.labels,"value":s.value} for f in p(sys.stdin.read()) for s in f.samples]))'

/** Throws with what they say. */
export async function parseMetrics(texts: { readonly prometheus: string; readonly openmetrics: string }): Promise<ParsedSample[]> {
  await through(['promtool', 'check', 'metrics'], texts.prometheus)
  return JSON.parse(await through(['/usr/bin/python3', '-c', PARSE], texts.openmetrics)) as ParsedSample[]
}

async function through(argv: readonly string[], text: string): Promise<string> {
  const child = Bun.spawn([...argv], { stdin: new Blob([text]), stdout: 'pipe', stderr: 'pipe' })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  if ((await child.exited) !== 0) throw new Error(`${argv[0]}: ${out}${err}`)
  return out
}
