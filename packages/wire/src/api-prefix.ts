/** Every route of the contract stands below it. */
export const API_PREFIX = '/api/v1'
