"""Names of instructions in optimized programs, and the parts of a fused one."""

from __future__ import annotations

import pytest

from lamina.runtime.device_trace import InstructionNames

PROGRAM = """HloModule jit_step

%fused_computation (p0: f32[8,4], p1: f32[]) -> f32[8,2] {
  %p0 = f32[8,4]{1,0} parameter(0), metadata={op_name="x"}
  %p1 = f32[] parameter(1)
  %broadcast.1 = f32[8,4]{1,0} broadcast(%p1), metadata={op_name="a/broadcast"}
  %add.1 = f32[8,4]{1,0} add(%p0, %broadcast.1), metadata={op_name="a/add"}
  %slice.1 = f32[8,2]{1,0} slice(%add.1), slice={[0:8], [0:2]}
  ROOT %mul.1 = f32[8,2]{1,0} multiply(%slice.1, %slice.1), metadata={op_name="b/mul"}
}

%body (s: (s32[], f32[8,2])) -> (s32[], f32[8,2]) {
  %s = (s32[], f32[8,2]{1,0}) parameter(0)
  %dot.7 = f32[8,2]{1,0} dot(%s, %s), lhs_contracting_dims={1}
  ROOT %tuple.1 = (s32[], f32[8,2]{1,0}) tuple(%dot.7)
}

ENTRY %main (x: f32[8,4]) -> f32[8,2] {
  %x = f32[8,4]{1,0} parameter(0)
  %one = f32[] constant(1)
  %fusion.1 = f32[8,2]{1,0} fusion(%x, %one), kind=kLoop, calls=%fused_computation, metadata={op_name="b/mul"}
  %while.1 = (s32[], f32[8,2]{1,0}) while(%fusion.1), condition=%cond, body=%body, metadata={op_name="c/while"}
  %copy.1 = f32[8,2]{1,0} copy(%fusion.1)
  ROOT %call.3 = f32[8,2]{1,0} custom-call(%copy.1), custom_call_target="f", metadata={op_name="d/call"}
}
"""  # noqa: E501

SHARES = {
    "fusion.1": {"a/add": 32 / 48, "b/mul": 16 / 48},
    "dot.7": {"c/while": 1.0},  # that of the loop
    "copy.1": {"b/mul": 1.0},  # that of its operand
    "call.3__f$function": {"d/call": 1.0},
    "while.1": {},
    "ThunkExecutor::Execute": {},
}


@pytest.mark.parametrize("event", SHARES)
def test_event_belongs_to_its_names(event):
    assert InstructionNames(PROGRAM).fractions(event) == pytest.approx(SHARES[event])
