"""The problem catalogue: one entry per stable code, in Chinese and English, with what to do about it.

Codes are part of the API: add freely in the right group, never rename. `libs.chassis.problems` turns them into RFC 9457 documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from libs.chassis.demand_problems import DEMAND_RULES
from libs.chassis.import_problems import IMPORT
from libs.chassis.problem_kind import ProblemKind

_K = ProblemKind

_REQUEST: Final = (
    _K("malformed_json", 400, "请求体不是有效的 JSON", "The body is not valid JSON", "请发送 UTF-8 编码的 JSON。", "Send JSON in UTF-8."),
    _K("bad_request", 400, "请求有误", "Bad request", "请对照接口文档检查请求。", "Compare the request with the API document."),
    _K(
        "body_too_large",
        413,
        "请求体过大",
        "The body is too large",
        "请求体不得超过规定大小（一般 64 KB）。",
        "Stay within the limit (64 KB).",
    ),
    _K(
        "unsupported_media_type",
        415,
        "不支持的内容类型",
        "Unsupported media type",
        "请使用 Content-Type: application/json。",
        "Use Content-Type: application/json.",
    ),
    _K(
        "unknown_field",
        422,
        "含有未知字段",
        "Unknown field",
        "请去掉接口文档中没有的字段。",
        "Remove members the API document does not have.",
    ),
    _K("missing_field", 422, "缺少必填字段", "A required field is missing", "请补上所指字段。", "Add the field that is named."),
    _K("invalid_field", 422, "字段值不符合要求", "A field is not valid", "请按接口文档修改所指字段。", "Correct the field that is named."),
    _K(
        "invalid_parameter",
        422,
        "参数不符合要求",
        "A parameter is not valid",
        "请按接口文档修改参数。",
        "Correct the parameter that is named.",
    ),
    _K("bad_cursor", 400, "翻页游标无效", "The cursor is not valid", "请从第一页重新开始。", "Start again from the first page."),
    _K("not_found", 404, "没有这个地址", "No such address", "请检查地址。", "Check the address."),
    _K("method_not_allowed", 405, "此地址不支持该方法", "Method not allowed", "请使用 Allow 中的方法。", "Use a method named in Allow."),
)

_CODES: Final = (
    _K(
        "unknown_category",
        422,
        "没有这个服务类别",
        "Unknown category",
        "请使用代码表 categories 中的代码。",
        "Use a code of list categories.",
    ),
    _K(
        "unknown_region",
        422,
        "没有这个区域代码",
        "Unknown region",
        "请使用本网络范围内的 GB/T 2260 代码。",
        "Use a GB/T 2260 code of this network.",
    ),
    _K("unknown_carrier", 422, "没有这个载体", "Unknown carrier", "请使用代码表 carriers 中的代码。", "Use an id of list carriers."),
    _K("unknown_industry", 422, "没有这个行业代码", "Unknown industry", "请使用 GB/T 4754 代码。", "Use a GB/T 4754 code."),
    _K("unknown_channel", 422, "没有这个渠道", "Unknown channel", "请使用代码表 channels 中的代码。", "Use a code of list channels."),
    _K("unknown_urgency", 422, "没有这个紧急程度", "Unknown urgency", "请使用代码表 urgency 中的代码。", "Use a code of list urgency."),
    _K(
        "invalid_uscc",
        422,
        "统一社会信用代码有误",
        "The social credit code is not valid",
        "请核对 18 位代码及校验位（GB 32100）。",
        "Check the 18 characters and the check digit (GB 32100).",
    ),
)

_IDEMPOTENCE: Final = (
    _K(
        "idempotency_key_missing",
        400,
        "缺少 Idempotency-Key",
        "Idempotency-Key is missing",
        "每个 POST 请求都要带 Idempotency-Key。",
        "Send an Idempotency-Key with every POST.",
    ),
    _K(
        "idempotency_key_invalid",
        400,
        "Idempotency-Key 无效",
        "Idempotency-Key is not valid",
        "长度 1–128，只用 A-Z a-z 0-9 . _ ~ : / + = -。",
        "Use 1-128 characters of A-Z a-z 0-9 . _ ~ : / + = -.",
    ),
    _K(
        "idempotency_key_reused",
        422,
        "同一 Idempotency-Key 已用于另一请求",
        "This Idempotency-Key was used for another request",
        "新请求请换一个新的值。",
        "Use a new value for a new request.",
    ),
    _K(
        "if_match_invalid",
        400,
        "If-Match 无效",
        "If-Match is not valid",
        '请写成带引号的版本号，如 "3"。',
        'Write the version in quotes, like "3".',
    ),
    _K("stale_version", 412, "诉求已有更新的版本", "The demand has a newer version", "请重新读取后再提交。", "Read it again, then decide."),
)

_RIGHTS: Final = (
    _K("key_missing", 401, "缺少密钥", "A key is missing", "请发送 Authorization: Bearer <密钥>。", "Send Authorization: Bearer <key>."),
    _K("key_invalid", 401, "密钥无效", "The key is not valid", "请核对密钥。", "Check the key."),
    _K(
        "key_revoked",
        401,
        "密钥已吊销",
        "The key was revoked",
        "请向安全管理员申请新密钥。",
        "Ask the security administrator for a new key.",
    ),
    _K(
        "key_expired",
        401,
        "密钥已过期",
        "The key has expired",
        "请向安全管理员申请新密钥。",
        "Ask the security administrator for a new key.",
    ),
    _K(
        "forbidden",
        403,
        "无权进行此操作",
        "Not allowed",
        "此密钥的角色或辖区不包括此操作。",
        "The key's role or territory does not cover this.",
    ),
    _K(
        "wrong_actor",
        403,
        "此派单不由您办理",
        "This assignment is not yours",
        "只有承办节点可以办理。",
        "Only the node that holds it may act.",
    ),
    _K(
        "foreign_origin",
        403,
        "请求不是从本页面发出的",
        "The request did not come from this page",
        "请在页面上操作。",
        "Use the page itself.",
    ),
    _K("rate_limited", 429, "请求过于频繁", "Too many requests", "请按 Retry-After 稍后再试。", "Wait as Retry-After says."),
)

_ENTITIES: Final = (
    _K("demand_not_found", 404, "没有这件诉求", "No such demand", "请核对诉求编号。", "Check the demand's id."),
    _K("assignment_not_found", 404, "没有这个派单", "No such assignment", "请核对派单编号。", "Check the assignment's id."),
    _K("node_not_found", 404, "没有这个节点", "No such node", "请核对节点编号。", "Check the node's id."),
    _K("network_not_found", 404, "没有这个网络", "No such network", "请核对网络名称。", "Check the network's name."),
    _K("network_unknown", 422, "没有这个网络", "Unknown network", "请核对网络名称。", "Check the network's name."),
    _K("unknown_subject", 404, "没有这个对象", "No such object", "请核对编号。", "Check the id."),
    _K("code_list_not_found", 404, "没有这个代码表", "No such code list", "请核对代码表名称。", "Check the list's name."),
    _K("revision_not_found", 404, "没有这个网络版本", "No such revision", "请核对版本。", "Check the revision."),
    _K("credential_not_found", 404, "没有这个密钥", "No such key", "请核对密钥编号。", "Check the key id."),
    _K(
        "key_not_found",
        404,
        "数据密钥不存在",
        "No such data key",
        "密钥缺失，而个人信息并未删除，请联系系统管理员。",
        "A key is missing although nothing was erased: tell the system administrator.",
    ),
)

_LIFE_CYCLE: Final = (
    _K(
        "illegal_transition",
        409,
        "当前状态不允许此操作",
        "Not possible in this state",
        "请重新读取诉求的状态。",
        "Read the demand's state again.",
    ),
    _K(
        "nothing_to_correct",
        422,
        "没有要更正的内容",
        "Nothing to correct",
        "请至少给出一个要更正的字段。",
        "Give at least one member to correct.",
    ),
    _K("conflict", 409, "他人刚刚更新了同一对象", "Somebody else was first", "请重新读取后再试。", "Read again, then try again.", 1),
    _K("return_reason_missing", 422, "退回须有原因", "A return needs a reason", "请给出退回原因代码。", "Give a coded reason."),
    _K(
        "last_resort_cannot_return",
        409,
        "兜底枢纽不能退回",
        "The last resort cannot return",
        "请办理，或转派给其他节点。",
        "Handle it, or assign another node.",
    ),
    _K(
        "revision_incomplete",
        409,
        "修订版尚未暂存完整",
        "The revision is not completely staged",
        "请先暂存全部部分，再发布。",
        "Stage all parts, then publish.",
    ),
    _K(
        "network_file_invalid",
        422,
        "网络数据有误",
        "The network's data is not valid",
        "请按所列规则修改后重试。",
        "Correct what is listed.",
    ),
    _K(
        "second_person_needed",
        409,
        "须由另一人办理",
        "A second person is needed",
        "一人提请，另一人核准：规则变更、延期、删除个人信息均如此。",
        "One person asks, another one decides: so it is with rules in force, extensions and erasure.",
    ),
    _K(
        "policy_version_used",
        409,
        "版本号已用于其他内容",
        "This version number stands for other content",
        "派单策略或时限规则改动后，version 须大于以往各版；说明和时限只记版本号。",
        "Changed routing or clocks need a greater version than any before: explanations and promises name nothing else.",
    ),
    _K(
        "policy_invalid",
        422,
        "派单策略有误",
        "The routing policy is not valid",
        "请修改所指部分；规则与 liandong network check 相同。",
        "Correct the part that is named; the rules are those of `liandong network check`.",
    ),
    _K(
        "replay_running",
        409,
        "已有一个回放在进行",
        "A replay is running already",
        "每个路由服务同时只做一个回放，请稍后再试。",
        "Each router runs one replay at a time; try again later.",
        10,
    ),
    _K(
        "self_revocation",
        409,
        "不能吊销自己的密钥",
        "A key cannot revoke itself",
        "请由另一位安全管理员办理。",
        "Ask another administrator.",
    ),
)

_EVIDENCE: Final = (
    _K("file_empty", 422, "文件是空的", "The file is empty", "请重新选择文件。", "Choose the file again."),
    _K(
        "file_too_large",
        413,
        "文件过大",
        "The file is too large",
        "每个文件不超过 10 MB，展开后也须在限度之内；请压缩图片或分开上传。",
        "Stay within 10 MB, also reasonable when unpacked; make pictures smaller or send parts.",
    ),
    _K(
        "file_type_not_allowed",
        415,
        "不接受此类文件",
        "This type of file is not accepted",
        "请上传 PDF、JPEG、PNG、DOCX 或 XLSX。",
        "Send PDF, JPEG, PNG, DOCX or XLSX.",
    ),
    _K(
        "file_type_mismatch",
        415,
        "文件内容与声明的类型不符",
        "The content is not of the declared type",
        "请按文件的实际类型填写 Content-Type，不要只改扩展名。",
        "Declare the type the file really has; renaming does not convert it.",
    ),
    _K(
        "file_active_content",
        422,
        "文件含可执行、嵌入或隐藏的内容",
        "The file holds executable, embedded or hidden content",
        "请去掉宏、脚本、嵌入对象和外部链接后另存，或打印成 PDF、截图后再上传。",
        "Save it without macros, scripts, embedded objects and outside links, or send a print as PDF or a picture.",
    ),
    _K(
        "file_encrypted",
        422,
        "文件已加密，无法检查",
        "The file is encrypted and cannot be checked",
        "请去掉密码或限制后另存，再上传。",
        "Save it without password or restrictions.",
    ),
    _K(
        "file_damaged",
        422,
        "文件已损坏或不完整",
        "The file is damaged or incomplete",
        "请重新导出后再上传。",
        "Export it again, then send it.",
    ),
    _K(
        "file_not_found",
        404,
        "没有这个文件",
        "No such file",
        "请核对文件编号；内容也可能已被清除。",
        "Check the file's id; it may also have been erased.",
    ),
)

_OURS: Final = (
    _K("key_pool_empty", 503, "系统繁忙", "Busy", "请稍后用同一 Idempotency-Key 重试。", "Try again with the same Idempotency-Key.", 1),
    _K(
        "store_unavailable", 503, "存储暂不可用", "The store is away", "请稍后用同一 Idempotency-Key 重试。", "Repeat with the same key.", 1
    ),
    _K("registry_stale", 503, "节点名录未能更新", "The registry is out of date here", "请稍后再试。", "Try again soon.", 5),
    _K("no_open_cell", 503, "暂无可受理分区", "No cell takes new demands", "请稍后再试。", "Try again soon.", 5),
    _K("clock_ahead", 503, "系统时钟异常", "A clock is wrong", "已报警，请稍后再试。", "Operators are alarmed; try again later.", 30),
    _K("unreadable_demand", 503, "此诉求暂不可读", "This demand cannot be read now", "已报警，请稍后再试。", "Operators are alarmed.", 60),
    _K("view_behind", 503, "视图尚未更新到该版本", "The view is not there yet", "请稍后再试。", "Try again soon.", 1),
    _K("timeout", 504, "处理超时", "Timed out", "请稍后用同一 Idempotency-Key 重试。", "Repeat with the same Idempotency-Key.", 1),
    _K("internal", 500, "系统内部错误", "Internal error", "请将 trace_id 告知管理员。", "Tell an operator the trace_id."),
)

CATALOGUE: Final[Mapping[str, ProblemKind]] = {
    kind.code: kind
    for group in (_REQUEST, _CODES, _IDEMPOTENCE, _RIGHTS, _ENTITIES, _LIFE_CYCLE, DEMAND_RULES, IMPORT, _EVIDENCE, _OURS)
    for kind in group
}
"""Every stable code. Groups: request, code lists, idempotence, rights, entities, life cycle, import, evidence, our own trouble."""

__all__ = ["CATALOGUE", "ProblemKind"]
