/** Which client this is, for a server that treats versions differently. A test holds it to package.json. */
export const SDK_CLIENT = 'sdk/0.1.0';
