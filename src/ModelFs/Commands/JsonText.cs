using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace ModelFs.Commands;

/// <summary>What <c>--json</c> prints: one document, indented, names as they are written.</summary>
internal static class JsonText
{
    /// <summary>The output is no web page: a <c>+</c> or a name in any script needs no escape.</summary>
    private static readonly JsonSerializerOptions Shown = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Of<T>(T value, JsonTypeInfo<T> type) => JsonSerializer.SerializeToNode(value, type)!.ToJsonString(Shown);
}
