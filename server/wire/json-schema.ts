/** A valibot schema as JSON Schema, for documents: only the kinds that schemas.ts uses; another one is an error. */
import type { GenericSchema } from 'valibot';

export type JsonSchema = { readonly [key: string]: unknown };

/** The parts of valibot's schema and action objects that matter here; which are there depends on `type`. */
interface Part {
  readonly kind: 'schema' | 'validation' | 'transformation' | 'metadata';
  readonly type: string;
  readonly pipe?: readonly Part[];
  readonly entries?: Readonly<Record<string, Part>>;
  readonly options?: readonly unknown[];
  readonly literal?: unknown;
  readonly item?: Part;
  readonly wrapped?: Part;
  readonly default?: unknown;
  readonly requirement?: unknown;
  readonly description?: string;
}

const OPTIONAL = ['optional', 'exact_optional'];

/** Describes what goes over the wire: the input side of the schema. */
export function jsonSchemaOf(schema: GenericSchema): JsonSchema {
  return describe(schema as unknown as Part);
}

function describe(part: Part): JsonSchema {
  if (part.pipe === undefined) return describeBase(part);
  const [base, ...actions] = part.pipe;
  const described = describe(base!);
  return Object.assign({}, described, ...actions.map((action) => describeAction(action, described.type === 'array')));
}

function describeBase(part: Part): JsonSchema {
  switch (part.type) {
    case 'string':
    case 'number':
    case 'boolean':
      return { type: part.type };
    case 'unknown':
      return {};
    case 'literal':
      return { const: part.literal };
    case 'picklist':
      return { enum: part.options };
    case 'array':
      return { type: 'array', items: describe(part.item!) };
    case 'nullable':
      return { oneOf: [describe(part.wrapped!), { type: 'null' }] };
    case 'optional':
    case 'exact_optional':
      return part.default === undefined
        ? describe(part.wrapped!)
        : { ...describe(part.wrapped!), default: part.default };
    case 'variant':
      return { oneOf: (part.options as readonly Part[]).map(describe) };
    case 'object':
    case 'strict_object':
      return describeObject(part);
    default:
      throw new TypeError(`no JSON Schema for a ${part.type}`);
  }
}

function describeObject({ type, entries = {} }: Part): JsonSchema {
  const required = Object.keys(entries).filter((key) => !isOptional(entries[key]!));
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(entries).map(([key, entry]) => [key, describe(entry)])),
    ...(required.length > 0 ? { required } : {}),
    ...(type === 'strict_object' ? { additionalProperties: false } : {}),
  };
}

function isOptional(part: Part): boolean {
  return OPTIONAL.includes(part.type);
}

/** Checks without a word in JSON Schema (a card number in a text) and changes of spelling leave no trace. */
function describeAction({ type, requirement, description }: Part, isArray: boolean): JsonSchema {
  switch (type) {
    case 'regex':
      return { pattern: (requirement as RegExp).source };
    case 'min_length':
      return isArray ? { minItems: requirement } : { minLength: requirement };
    case 'max_length':
      return isArray ? { maxItems: requirement } : { maxLength: requirement };
    case 'min_value':
      return { minimum: requirement };
    case 'max_value':
      return { maximum: requirement };
    case 'safe_integer':
      return { type: 'integer' };
    case 'description':
      return { description };
    default:
      return {};
  }
}
