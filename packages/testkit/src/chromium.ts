/** Which Chromium the tests and benchmarks look with. Null: there is none here. */
export const CHROMIUM = process.env['BERTH_CHROMIUM'] ?? ['chromium', 'chromium-browser', 'google-chrome'].map((name) => Bun.which(name)).find(Boolean) ?? null
export const CHROMIUM_HINT = 'install `chromium`, or set BERTH_CHROMIUM to its path'
/** Without these it asks the network for updates and lists. */
export const QUIET = ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync']
