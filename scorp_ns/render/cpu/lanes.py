"""Sixteen float32 numbers as one value in a kernel: a row of a tile, on one AVX-512 register or several smaller ones.

LLVM's own vectoriser gives up on the blend loops, whose masks and running products it cannot prove harmless. A vector
type says the same thing outright, on every processor LLVM knows, and keeps a row's state in registers.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

WIDTH = 16
"""Numbers in one value; the pixels of a tile's row."""

_FLAGS = ("contract", "reassoc", "nsz", "arcp", "afn")
_FLOATS = ir.VectorType(ir.FloatType(), WIDTH)
_INTEGERS = ir.VectorType(ir.IntType(32), WIDTH)
_BOOLEANS = ir.VectorType(ir.IntType(1), WIDTH)


class _LanesType(types.Type):
    """The numba type of sixteen numbers, or of sixteen truth values."""

    def __init__(self, name: str, vector: ir.VectorType) -> None:
        self.vector = vector
        super().__init__(name=name)


def _intrinsic(define: Callable[..., Any]) -> Callable[..., Any]:
    """An operation of kernels, which call it without the typing context that its definition takes first."""
    return intrinsic(define)


lanes = _LanesType("Lanes", _FLOATS)
mask = _LanesType("LanesMask", _BOOLEANS)


@register_model(_LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: _LanesType) -> None:
        super().__init__(dmm, fe_type, fe_type.vector)


def _splat(builder: ir.IRBuilder, scalar: ir.Value) -> ir.Value:
    """The same number in every lane."""
    first = builder.insert_element(ir.Constant(_FLOATS, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, ir.Constant(_FLOATS, ir.Undefined), ir.Constant(_INTEGERS, [0] * WIDTH))


def _spread(context: Any, builder: ir.IRBuilder, value: ir.Value, kind: types.Type) -> ir.Value:
    """A vector from a vector or, by repetition, from any number."""
    if isinstance(kind, _LanesType):
        return value
    return _splat(builder, context.cast(builder, value, kind, types.float32))


def _elementwise(result: _LanesType, build: Any) -> Any:
    """An intrinsic of two operands, vectors or numbers, made by `build(builder, left, right)`."""

    @_intrinsic
    def operation(typingctx, left, right):
        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
            operands = [_spread(context, builder, *pair) for pair in zip(args, signature.args, strict=True)]
            return build(builder, *operands)

        return result(left, right), codegen

    return operation


def _register(operation: Any, result: _LanesType, build: Any) -> None:
    """Let kernels write `operation` between two vectors, or a vector and a number."""
    implementation = _elementwise(result, build)

    @overload(operation, inline="always")
    def overloaded(left, right):
        if lanes in (left, right) and all(kind == lanes or isinstance(kind, types.Number) for kind in (left, right)):
            return lambda left, right: implementation(left, right)
        return None


_register(operator.add, lanes, lambda builder, a, b: builder.fadd(a, b, flags=_FLAGS))
_register(operator.sub, lanes, lambda builder, a, b: builder.fsub(a, b, flags=_FLAGS))
_register(operator.mul, lanes, lambda builder, a, b: builder.fmul(a, b, flags=_FLAGS))
_register(operator.truediv, lanes, lambda builder, a, b: builder.fdiv(a, b, flags=_FLAGS))
_register(operator.gt, mask, lambda builder, a, b: builder.fcmp_ordered(">", a, b))
_register(operator.ge, mask, lambda builder, a, b: builder.fcmp_ordered(">=", a, b))
_register(operator.le, mask, lambda builder, a, b: builder.fcmp_ordered("<=", a, b))


def _smaller(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


def _call_llvm(builder: ir.IRBuilder, name: str, result: ir.Type, args: Any) -> ir.Value:
    """The value of one of LLVM's own functions."""
    function_type = ir.FunctionType(result, [arg.type for arg in args])
    function = cgutils.get_or_insert_function(builder.module, function_type, name)
    is_float = not isinstance(result, ir.VoidType)
    return builder.call(function, args, fastmath=_FLAGS if is_float else ())


def _of_llvm(name: str) -> Any:
    """An intrinsic of one vector that LLVM has a function for."""

    @_intrinsic
    def operation(typingctx, value):
        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
            return _call_llvm(builder, name, _FLOATS, args)

        return lanes(value), codegen

    return operation


minimum = _elementwise(lanes, _smaller)
"""The smaller of two in each lane."""

absolute = _of_llvm("llvm.fabs.v16f32")
"""The value without its sign."""

nearest = _of_llvm("llvm.nearbyint.v16f32")
"""The nearest whole numbers. Adding and subtracting 1.5 * 2**23 would not survive re-ordering."""


@_intrinsic
def spread(typingctx, number):
    """The number in every lane."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        return _spread(context, builder, args[0], signature.args[0])

    return lanes(number), codegen


@_intrinsic
def fma(typingctx, factor, other, summand):
    """`factor * other + summand` rounded once, so that forward and backward passes agree to the last bit."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        operands = [_spread(context, builder, *pair) for pair in zip(args, signature.args, strict=True)]
        return _call_llvm(builder, "llvm.fma.v16f32", _FLOATS, operands)

    return lanes(factor, other, summand), codegen


@_intrinsic
def select(typingctx, condition, yes, no):
    """`yes` where the condition holds, else `no`."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        yes, no = (_spread(context, builder, *pair) for pair in zip(args[1:], signature.args[1:], strict=True))
        return builder.select(args[0], yes, no)

    return lanes(condition, yes, no), codegen


@_intrinsic
def negative_absolute(typingctx, value):
    """The value with its sign bit set."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        signs = ir.Constant(_INTEGERS, [1 << 31] * WIDTH)
        return builder.bitcast(builder.or_(builder.bitcast(args[0], _INTEGERS), signs), _FLOATS)

    return lanes(value), codegen


@_intrinsic
def times_power_of_two(typingctx, value, whole):
    """`value * 2**whole` by adding to the exponent's bits; anything at all where the result is no normal number."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        exponent = builder.shl(builder.fptosi(args[1], _INTEGERS), ir.Constant(_INTEGERS, [23] * WIDTH))
        return builder.bitcast(builder.add(builder.bitcast(args[0], _INTEGERS), exponent), _FLOATS)

    return lanes(value, whole), codegen


@_intrinsic
def any_lane(typingctx, condition):
    """True if the condition holds in at least one lane."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        bits = builder.bitcast(args[0], ir.IntType(WIDTH))
        return builder.icmp_unsigned("!=", bits, ir.Constant(ir.IntType(WIDTH), 0))

    return types.boolean(condition), codegen


@_intrinsic
def prefetch(typingctx, array, row):
    """Ask for the cache line where a row of a contiguous array starts; nothing waits for it."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        kind = signature.args[0]
        contents = context.make_array(kind)(context, builder, args[0])
        stride = cgutils.unpack_tuple(builder, contents.strides, kind.ndim)[0]
        offset = builder.mul(context.cast(builder, args[1], signature.args[1], types.intp), stride)
        line = builder.gep(builder.bitcast(contents.data, ir.IntType(8).as_pointer()), [offset])
        how = [ir.Constant(ir.IntType(32), value) for value in (0, 3, 1)]  # To read, keep in all levels, data.
        _call_llvm(builder, "llvm.prefetch.p0", ir.VoidType(), [line, *how])
        return context.get_dummy_value()

    return types.void(array, row), codegen


@_intrinsic
def total(typingctx, value):
    """The sum of the lanes."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        start = ir.Constant(ir.FloatType(), 0.0)
        return _call_llvm(builder, "llvm.vector.reduce.fadd.v16f32", ir.FloatType(), [start, *args])

    return types.float32(value), codegen


def _row_pointer(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, args[0])
    start = builder.gep(array.data, [context.cast(builder, args[1], signature.args[1], types.intp)])
    return builder.bitcast(start, _FLOATS.as_pointer())


@_intrinsic
def load(typingctx, array, start):
    """Sixteen neighbours of a flat contiguous float32 array, from index `start`."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        return builder.load(_row_pointer(context, builder, signature, args), align=4)

    return lanes(array, start), codegen


@_intrinsic
def store(typingctx, array, start, value):
    """Write sixteen neighbours of a flat contiguous float32 array, from index `start`."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        builder.store(args[2], _row_pointer(context, builder, signature, args), align=4)
        return context.get_dummy_value()

    return types.void(array, start, value), codegen
