/**
 * Instructions of WebAssembly by the names of its specification (WebAssembly 2.0, 5.4), written in camel case. Those
 * with immediates have methods of their own in FunctionBody.
 */
export const Op = {
  Unreachable: 0x00,
  Nop: 0x01,
  Return: 0x0f,
  Drop: 0x1a,
  Select: 0x1b,

  I32Eqz: 0x45,
  I32Eq: 0x46,
  I32Ne: 0x47,
  I32LtS: 0x48,
  I32LtU: 0x49,
  I32GtS: 0x4a,
  I32GtU: 0x4b,
  I32LeS: 0x4c,
  I32LeU: 0x4d,
  I32GeS: 0x4e,
  I32GeU: 0x4f,
  I64Eqz: 0x50,
  I64Eq: 0x51,
  I64Ne: 0x52,
  I64LtS: 0x53,
  I64LtU: 0x54,
  I64GtS: 0x55,
  I64GtU: 0x56,
  I64LeS: 0x57,
  I64LeU: 0x58,
  I64GeS: 0x59,
  I64GeU: 0x5a,
  F32Eq: 0x5b,
  F32Ne: 0x5c,
  F32Lt: 0x5d,
  F32Gt: 0x5e,
  F32Le: 0x5f,
  F32Ge: 0x60,
  F64Eq: 0x61,
  F64Ne: 0x62,
  F64Lt: 0x63,
  F64Gt: 0x64,
  F64Le: 0x65,
  F64Ge: 0x66,

  I32Clz: 0x67,
  I32Ctz: 0x68,
  I32Popcnt: 0x69,
  I32Add: 0x6a,
  I32Sub: 0x6b,
  I32Mul: 0x6c,
  I32DivS: 0x6d,
  I32DivU: 0x6e,
  I32RemS: 0x6f,
  I32RemU: 0x70,
  I32And: 0x71,
  I32Or: 0x72,
  I32Xor: 0x73,
  I32Shl: 0x74,
  I32ShrS: 0x75,
  I32ShrU: 0x76,
  I32Rotl: 0x77,
  I32Rotr: 0x78,
  I64Clz: 0x79,
  I64Ctz: 0x7a,
  I64Add: 0x7c,
  I64Sub: 0x7d,
  I64Mul: 0x7e,
  I64And: 0x83,
  I64Or: 0x84,
  I64Xor: 0x85,
  I64Shl: 0x86,
  I64ShrS: 0x87,
  I64ShrU: 0x88,

  F32Abs: 0x8b,
  F32Neg: 0x8c,
  F32Sqrt: 0x91,
  F32Add: 0x92,
  F32Sub: 0x93,
  F32Mul: 0x94,
  F32Div: 0x95,
  F64Abs: 0x99,
  F64Neg: 0x9a,
  F64Trunc: 0x9d,
  F64Nearest: 0x9e,
  F64Sqrt: 0x9f,
  F64Add: 0xa0,
  F64Sub: 0xa1,
  F64Mul: 0xa2,
  F64Div: 0xa3,

  I32WrapI64: 0xa7,
  I32TruncF32S: 0xa8,
  I32TruncF32U: 0xa9,
  I32TruncF64S: 0xaa,
  I32TruncF64U: 0xab,
  I64ExtendI32S: 0xac,
  I64ExtendI32U: 0xad,
  F32ConvertI32S: 0xb2,
  F32ConvertI32U: 0xb3,
  F32DemoteF64: 0xb6,
  F64ConvertI32S: 0xb7,
  F64ConvertI32U: 0xb8,
  F64PromoteF32: 0xbb,
  I32ReinterpretF32: 0xbc,
  I64ReinterpretF64: 0xbd,
  F32ReinterpretI32: 0xbe,
  F64ReinterpretI64: 0xbf,
  I32Extend8S: 0xc0,
  I32Extend16S: 0xc1,
} as const;

/** Loads: `FunctionBody.load`. */
export const Load = {
  I32: 0x28,
  I64: 0x29,
  F32: 0x2a,
  F64: 0x2b,
  I32U8: 0x2d,
  I32U16: 0x2f,
} as const;

/** Stores: `FunctionBody.store`. */
export const Store = {
  I32: 0x36,
  I64: 0x37,
  F32: 0x38,
  F64: 0x39,
  I32As8: 0x3a,
  I32As16: 0x3b,
} as const;

/**
 * Instructions of the vector extension (WebAssembly 2.0, 5.4.8), the numbers after their prefix. Where all integer
 * shapes have an instruction, {@link SimdInteger} and {@link SimdCompare} have it once.
 */
export const Simd = {
  Load: 0,
  Load8x8S: 1,
  Load8x8U: 2,
  Load8Splat: 7,
  Load64Splat: 10,
  Store64Lane: 91,
  Load64Zero: 93,

  I8x16Swizzle: 14,
  /** The other integer shapes follow. */
  I8x16Splat: 15,
  I64x2Splat: 18,
  I64x2ReplaceLane: 30,

  F32x4Eq: 65,
  F32x4Ne: 66,
  F32x4Lt: 67,
  F32x4Gt: 68,
  F32x4Le: 69,
  F32x4Ge: 70,

  Not: 77,
  And: 78,
  AndNot: 79,
  Or: 80,
  Xor: 81,
  BitSelect: 82,
  AnyTrue: 83,

  F32x4DemoteF64x2Zero: 94,
  F64x2PromoteLowF32x4: 95,

  I8x16Popcnt: 98,
  F32x4Trunc: 105,
  /** From i8x16; those of i32x4 from i16x8 are 2 further. */
  I16x8ExtAddPairwiseS: 124,
  I16x8ExtAddPairwiseU: 125,
  I16x8Q15MulrSatS: 130,
  I64x2Eq: 214,
  I64x2Ne: 215,

  F32x4Abs: 224,
  F32x4Neg: 225,
  F32x4Sqrt: 227,
  F32x4Add: 228,
  F32x4Sub: 229,
  F32x4Mul: 230,
  F32x4Div: 231,
  F32x4Min: 232,
  F32x4Max: 233,
  F64x2Add: 240,
  F64x2Sub: 241,
  F64x2Mul: 242,
  I32x4TruncSatF32x4S: 248,
  I32x4TruncSatF32x4U: 249,
  F32x4ConvertI32x4S: 250,
  F32x4ConvertI32x4U: 251,
} as const;

/** Instructions of i8x16; those of i16x8, i32x4 and i64x2, where they exist, follow 32 apart each. */
export const SimdInteger = {
  Abs: 96,
  Neg: 97,
  /** Narrows to this shape: i8x16 and i16x8 only. */
  NarrowS: 101,
  /** Of elements of half the size: not for i8x16. */
  ExtendLowU: 105,
  Shl: 107,
  ShrS: 108,
  ShrU: 109,
  Add: 110,
  AddSatS: 111,
  AddSatU: 112,
  Sub: 113,
  SubSatS: 114,
  SubSatU: 115,
  /** Not for i8x16. */
  Mul: 117,
  /** Not for i64x2. */
  MinS: 118,
  MinU: 119,
  MaxS: 120,
  MaxU: 121,
  /** i8x16 and i16x8 only. */
  AvgrU: 123,
  /** Of elements of half the size: not for i8x16. Of their upper halves: one further. */
  ExtMulLowS: 124,
  ExtMulLowU: 126,
} as const;

/** Comparisons of i8x16; those of i16x8 and i32x4 follow 10 apart each. */
export const SimdCompare = {
  Eq: 35,
  Ne: 36,
  GtS: 39,
  GtU: 40,
  GeS: 43,
  GeU: 44,
} as const;
