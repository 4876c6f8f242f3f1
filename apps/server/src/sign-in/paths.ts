/** Addresses of the pages before a session, all on the page's origin. */
export const SIGN_IN_PATH = '/sign-in'
export const JOIN_PATH = '/join'
export const DEVICE_PATH = '/device'
export const GITHUB_START_PATH = '/sign-in/github/start'
/** Named in the app's description at GitHub: nothing else is led back to. */
export const GITHUB_BACK_PATH = '/sign-in/github'
export const PASSKEY_OPTIONS_PATH = '/sign-in/passkey/options'
export const PASSKEY_PATH = '/sign-in/passkey'
export const PASSKEY_SCRIPT_PATH = '/sign-in/passkey.js'
