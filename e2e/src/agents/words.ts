/** The words of `berth up` that lead an agent to the scripted model at that address and nowhere else. */
const openai = (url: string): string[] => ['--env', `OPENAI_BASE_URL=${url}/v1`, '--env', 'OPENAI_API_KEY=placeholder-not-a-secret']

/** A model whose tools are those of every model; newer ones drive theirs by a script, and its screen would praise one first. */
export const codexWords = (url: string): string[] => [...openai(url), '--command=-c model=gpt-5.5 -c notice.model_migrations={"gpt-5.5"="gpt-6-sol"}']
export const geminiWords = (url: string): string[] => ['--env', `GOOGLE_GEMINI_BASE_URL=${url}`, '--env', 'GEMINI_API_KEY=placeholder-not-a-secret', '--command=-m gemini-2.5-flash']
export const qwenWords = (url: string): string[] => [...openai(url), '--env', 'OPENAI_MODEL=scripted']
