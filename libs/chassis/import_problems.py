"""The problem catalogue's group for batches of demands (批量导入): whole files, and single rows."""

from __future__ import annotations

from typing import Final

from libs.chassis.problem_kind import ProblemKind

_K = ProblemKind

IMPORT: Final = (
    _K(
        "batch_media_type",
        415,
        "不支持的文件类型",
        "This kind of file is not supported",
        "请发送 application/x-ndjson、text/csv 或 XLSX，并写明 Content-Type。",
        "Send application/x-ndjson, text/csv or XLSX, and say so in Content-Type.",
    ),
    _K(
        "batch_unreadable",
        422,
        "文件无法读取",
        "The file cannot be read",
        "文件损坏、加密或不是所称的类型，请重新保存后再试。",
        "It is damaged, encrypted or of another kind than it says. Save it again.",
    ),
    _K(
        "batch_encoding",
        422,
        "文件编码无法识别",
        "The encoding of the file is not known",
        "CSV 请用 UTF-8 或 GB18030（GBK）保存，NDJSON 请用 UTF-8。",
        "Save CSV as UTF-8 or GB18030 (GBK), NDJSON as UTF-8.",
    ),
    _K(
        "batch_columns",
        422,
        "表头有误",
        "The header row is not right",
        "所列的列缺少、重复或不认识（columns.N 为第 N 列）。",
        "The columns listed are missing, repeated or unknown (columns.N is column N).",
    ),
    _K(
        "batch_column_missing",
        422,
        "缺少必需的列",
        "A required column is missing",
        "请补上所指的列。",
        "Add the column that is named.",
    ),
    _K(
        "batch_column_unknown",
        422,
        "不认识的列",
        "Unknown column",
        "请删去该列，或改用文档中的列名。",
        "Remove the column, or use a name from the documentation.",
    ),
    _K("batch_column_repeated", 422, "列名重复", "A column stands there twice", "请只保留一列。", "Keep one of them."),
    _K(
        "batch_too_many_rows",
        413,
        "行数过多",
        "Too many rows",
        "一次最多 5000 行，请分成几个文件；表格末尾的空行请删除。",
        "At most 5,000 rows at a time: split the file. Delete empty rows at the end of a sheet.",
    ),
    _K("batch_empty", 422, "文件中没有数据行", "The file has no rows", "请检查文件。", "Check the file."),
    _K(
        "batch_history_orphan",
        422,
        "办理历史没有对应的诉求",
        "A history row belongs to no demand of this file",
        "“办理历史”表的外部编号须与诉求表一致（history.N 为该表第 N 行）。",
        "Its partner_ref must stand in the sheet of demands (history.N is row N of the history sheet).",
    ),
    _K("batch_busy", 503, "批量导入繁忙", "Too many imports at once", "请稍后用同一批次号重试。", "Try again with the same key.", 10),
    _K(
        "batch_row_changed",
        409,
        "该行已受理，内容与本次不同",
        "This row was taken before with other content",
        "先前的内容不变；要修改请用更正接口，要另提一件请换外部编号。",
        "What was taken stays. Correct it by the API, or give a new demand a reference of its own.",
    ),
    _K(
        "batch_row_repeated",
        422,
        "与前面的行重复",
        "This row repeats an earlier one",
        "同一文件中外部编号不得重复；没有外部编号时内容不得相同。",
        "A reference, or without one the same content, may stand in a file once.",
    ),
    _K(
        "batch_formula",
        422,
        "单元格是公式或错误值",
        "A cell holds a formula or an error",
        "系统不计算公式，请粘贴为数值。",
        "Formulas are not evaluated: paste values.",
    ),
    _K(
        "batch_ref_missing",
        422,
        "导入历史须有外部编号",
        "A case with history needs a reference",
        "请填写 partner_ref（原系统编号）。",
        "Give its partner_ref, the number in the former system.",
    ),
    _K(
        "batch_time_in_future",
        422,
        "时间在将来",
        "This time lies in the future",
        "原系统的时间不得晚于现在；请核对时区。",
        "Times of a former system cannot be later than now. Check the time zone.",
    ),
    _K(
        "batch_history_order",
        422,
        "办理历史的时间次序有误",
        "The history is not in the order of time",
        "各步时间不得早于受理时间和前一步。",
        "No step may be earlier than the receipt or the step before it.",
    ),
    _K(
        "batch_history_too_long",
        422,
        "办理历史过长",
        "The history is too long",
        "每件最多 200 步，说明合计不超过 20000 字。",
        "At most 200 steps and 20,000 characters of notes for one case.",
    ),
    _K(
        "batch_case_closed",
        422,
        "只导入未办结的件",
        "Only open cases are imported",
        "已办结、归档或撤回的件请留在原系统。",
        "Leave cases that are resolved, closed or withdrawn in the former system.",
    ),
)
