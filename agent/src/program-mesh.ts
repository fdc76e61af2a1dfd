import type { SettingKey } from './settings/schema.ts';

export type MeshCommandName = 'status' | 'peers' | 'doctor' | 'invite' | 'approve' | 'leave' | 'kick';

interface MeshCommandText {
  readonly name: MeshCommandName;
  /** `<name>` in commander's way. */
  readonly argument?: readonly [name: string, meaning: string];
  readonly description: string;
  readonly options: readonly (readonly [flag: string, meaning: string])[];
  readonly settings: readonly SettingKey[];
}

const JSON_OPTION = ['--json', 'as JSON'] as const;
/** Where the running agent's socket is. */
const SOCKET_SETTINGS: readonly SettingKey[] = ['stateDir', 'logLevel'];

/** The commands about the mesh, which talk to the running agent. */
export const MESH_COMMANDS: readonly MeshCommandText[] = [
  {
    name: 'status',
    description: 'show the nodes of the mesh, their memory and links, and what is loaded where',
    options: [JSON_OPTION],
    settings: SOCKET_SETTINGS,
  },
  {
    name: 'peers',
    description: 'list the other nodes and how they are reached',
    options: [['--watch', 'again with every change, until Ctrl-C'], ['--probe', 'measure the links anew first'], JSON_OPTION],
    settings: SOCKET_SETTINGS,
  },
  {
    name: 'doctor',
    description: 'look for what keeps agents apart, and say what to do about it',
    options: [JSON_OPTION],
    settings: ['host', 'port', 'meshPort', ...SOCKET_SETTINGS],
  },
  {
    name: 'invite',
    description: 'print what another machine joins the mesh with, as a line and as a QR code',
    options: [JSON_OPTION],
    settings: SOCKET_SETTINGS,
  },
  {
    name: 'approve',
    argument: ['<name>', 'of the machine that waits, or its id; `status` lists them'],
    description: 'let a machine in that waits to join without a code',
    options: [JSON_OPTION],
    settings: SOCKET_SETTINGS,
  },
  {
    name: 'kick',
    argument: ['<node>', 'name of the node, or its id; it may be away'],
    description: 'remove a node, and give the others a new key',
    options: [JSON_OPTION],
    settings: SOCKET_SETTINGS,
  },
  {
    name: 'leave',
    description: 'leave the mesh; this node is one of its own from then on',
    options: [JSON_OPTION],
    settings: SOCKET_SETTINGS,
  },
];
