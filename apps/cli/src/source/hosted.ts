/** The words of the contract that are needed at run time, without its schemas (a test compares them). */
export const GIT_PATH = (id: string): string => `/git/${id}`
export const ARCHIVE_PATH = (id: string): string => `/api/v1/workspaces/${id}/archive`
export const ATTACH_PATH = (id: string, terminalId: string): string => `/api/v1/workspaces/${id}/terminals/${encodeURIComponent(terminalId)}/attach`
export const HOSTED_REFS = { head: 'refs/heads/berth/source', wip: 'refs/berth/wip', push: 'refs/berth/push' } as const
