/** Below the home of a workspace: secrets that are files, each by its name. Apart from the schemas, which the CLI loads late. */
export const SECRET_FILES_DIR = '.secrets'

/** Variables that the product itself sets in a workspace: with another value its own programs miss one another. */
export const isProductsVariable = (name: string): boolean => name === 'HOME' || name.startsWith('BERTH_')
export const PRODUCTS_VARIABLE = 'HOME and BERTH_* are set by Berth in a workspace: choose another name'
