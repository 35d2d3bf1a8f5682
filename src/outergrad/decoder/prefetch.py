"""Ask the processor for a cache line before it is needed.

The search jumps about in graphs that are larger than the caches; it knows which states come next.
"""

from typing import Any

from numba import types
from numba.extending import intrinsic

try:
    from llvmlite import ir
    from numba.core import cgutils
    from numba.np.arrayobj import make_array

    HAVE_PREFETCH = True
except ImportError:  # numba's internals may move; the search is then right, only slower
    HAVE_PREFETCH = False


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(typing_context: Any, array: Any, index: Any) -> Any:
    """Fetch ``array[index]`` into the cache; no bounds check, no effect on results."""
    signature = types.void(array, types.intp)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if HAVE_PREFETCH:
            array_type = signature.args[0]
            view = make_array(array_type)(context, builder, arguments[0])
            pointer = cgutils.get_item_pointer(
                context, builder, array_type, view, [arguments[1]], wraparound=False
            )
            byte_pointer = ir.IntType(8).as_pointer()
            int32 = ir.IntType(32)
            function = cgutils.get_or_insert_function(
                builder.module,
                ir.FunctionType(ir.VoidType(), [byte_pointer, int32, int32, int32]),
                "llvm.prefetch.p0",
            )
            address = builder.bitcast(pointer, byte_pointer)
            # read, keep in all cache levels, data
            builder.call(function, [address, int32(0), int32(3), int32(1)])
        return context.get_dummy_value()

    return signature, generate
