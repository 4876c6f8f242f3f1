/** ms since the epoch by the database's clock (or a test's). The only clock core knows. */
export interface Clock { now(): number }
