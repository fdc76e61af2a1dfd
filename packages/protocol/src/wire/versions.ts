/** Version of everything this package describes. Nodes of different versions don't talk; they tell each other so at admission. */
export const PROTOCOL_VERSION = 1;

/** The libp2p protocols of a node: whatever a part above opens runs inside `stream`. */
export const ADMISSION_PROTOCOL = '/pippa/admission/1';
export const STREAM_PROTOCOL = '/pippa/stream/1';
