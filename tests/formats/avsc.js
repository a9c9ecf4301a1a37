/**
 * Reads and writes the values of a file of cases with avsc, and answers in JSON on standard output.
 *
 * A case is {schema, values, binary}: values in the forms of avro_forms.py, encoded ones in hexadecimal.
 */

const fs = require('fs')
const path = require('path')
const avro = require(path.join(process.argv[2], 'avsc'))

const long = avro.types.LongType.__with({
  fromBuffer: (buffer) => buffer.readBigInt64LE(),
  toBuffer: (value) => {
    const buffer = Buffer.alloc(8)
    buffer.writeBigInt64LE(value)
    return buffer
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value) => typeof value === 'bigint',
  compare: (one, other) => (one < other ? -1 : one > other ? 1 : 0)
})

function bits(value, size) {
  if (Number.isNaN(value)) return 'nan'
  const buffer = Buffer.alloc(size)
  size === 4 ? buffer.writeFloatBE(value) : buffer.writeDoubleBE(value)
  return buffer.toString('hex')
}

function number(text) {
  if (text === 'nan') return NaN
  const buffer = Buffer.from(text, 'hex')
  return buffer.length === 4 ? buffer.readFloatBE() : buffer.readDoubleBE()
}

function mapped(object, change) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value, key)]))
}

function formOf(type, value) {
  switch (type.typeName) {
    case 'int':
    case 'abstract:long':
      return String(value)
    case 'float':
      return bits(value, 4)
    case 'double':
      return bits(value, 8)
    case 'bytes':
    case 'fixed':
      return value.toString('hex')
    case 'array':
      return value.map((item) => formOf(type.itemsType, item))
    case 'map':
      return mapped(value, (item) => formOf(type.valuesType, item))
    case 'record':
      return Object.fromEntries(type.fields.map((field) => [field.name, formOf(field.type, value[field.name])]))
    case 'union:wrapped': {
      const name = value === null ? 'null' : Object.keys(value)[0]
      const branch = type.types.findIndex((one) => one.branchName === name)
      return [branch, value === null ? null : formOf(type.types[branch], value[name])]
    }
    default:
      return value
  }
}

function valueOf(type, form) {
  switch (type.typeName) {
    case 'int':
      return Number(form)
    case 'abstract:long':
      return BigInt(form)
    case 'float':
    case 'double':
      return number(form)
    case 'bytes':
    case 'fixed':
      return Buffer.from(form, 'hex')
    case 'array':
      return form.map((item) => valueOf(type.itemsType, item))
    case 'map':
      return mapped(form, (item) => valueOf(type.valuesType, item))
    case 'record':
      return Object.fromEntries(type.fields.map((field) => [field.name, valueOf(field.type, form[field.name])]))
    case 'union:wrapped': {
      const branch = type.types[form[0]]
      return branch.typeName === 'null' ? null : { [branch.branchName]: valueOf(branch, form[1]) }
    }
    default:
      return form
  }
}

function answer({ schema, values, binary }) {
  try {
    const type = avro.Type.forSchema(schema, { wrapUnions: true, registry: { long }, logicalTypes: {} })
    return {
      written: values.map((form) => type.toBuffer(valueOf(type, form)).toString('hex')),
      read: binary.map((data) => formOf(type, type.fromBuffer(Buffer.from(data, 'hex'))))
    }
  } catch (error) {
    return { error: String(error) }
  }
}

const cases = JSON.parse(fs.readFileSync(process.argv[3]))
process.stdout.write(JSON.stringify(cases.map(answer)))
