using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace ModelFs.Testing.Mlflow;

/// <summary>JSON as Python's <c>json.dumps</c> writes it, to the byte: MLflow indents its answers and writes errors on one line.</summary>
internal static class PythonJson
{
    public static byte[] Indented(JsonNode node) => Encoding.ASCII.GetBytes(Write(new StringBuilder(), node, 0, indented: true).ToString());

    public static byte[] OneLine(JsonNode node) => Encoding.ASCII.GetBytes(Write(new StringBuilder(), node, 0, indented: false).ToString());

    private static StringBuilder Write(StringBuilder text, JsonNode? node, int depth, bool indented)
    {
        switch (node)
        {
            case JsonObject { Count: > 0 } map:
                return WriteAll(text, '{', '}', depth, indented, [.. map.Select(pair => (Action)(() =>
                    Write(Quote(text, pair.Key).Append(": "), pair.Value, depth + 1, indented)))]);
            case JsonArray { Count: > 0 } list:
                return WriteAll(text, '[', ']', depth, indented, [.. list.Select(item => (Action)(() =>
                    Write(text, item, depth + 1, indented)))]);
            case JsonObject:
                return text.Append("{}");
            case JsonArray:
                return text.Append("[]");
            case JsonValue value when value.TryGetValue<string>(out var word):
                return Quote(text, word);
            default:
                return text.Append(node?.ToJsonString() ?? "null");
        }
    }

    private static StringBuilder WriteAll(StringBuilder text, char open, char close, int depth, bool indented, Action[] items)
    {
        text.Append(open);
        for (var i = 0; i < items.Length; i++)
        {
            if (i > 0) text.Append(indented ? "," : ", ");
            if (indented) text.Append('\n').Append(' ', 2 * (depth + 1));
            items[i]();
        }

        if (indented) text.Append('\n').Append(' ', 2 * depth);
        return text.Append(close);
    }

    private static StringBuilder Quote(StringBuilder text, string word)
    {
        text.Append('"');
        foreach (var c in word)
        {
            _ = c switch
            {
                '"' => text.Append("\\\""),
                '\\' => text.Append("\\\\"),
                '\n' => text.Append("\\n"),
                '\r' => text.Append("\\r"),
                '\t' => text.Append("\\t"),
                '\b' => text.Append("\\b"),
                '\f' => text.Append("\\f"),
                >= ' ' and <= '~' => text.Append(c),
                _ => text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
            };
        }

        return text.Append('"');
    }
}
