/** Below the home of a workspace: secrets that are files, each by its name. Apart from the schemas, which the CLI loads late. */
export const SECRET_FILES_DIR = '.secrets'
