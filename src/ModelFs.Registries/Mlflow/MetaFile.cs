using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace ModelFs.Registries.Mlflow;

/// <summary>
/// A <c>meta.yaml</c> of MLflow's file store: one mapping, of which only the scalars are kept, as text. It is read event by event, so that
/// an anchor expands to nothing and depth costs no stack.
/// </summary>
internal sealed class MetaFile
{
    // A description may be long; the rest is some hundred bytes.
    public const int MaxBytes = 1 << 20;

    // MLflow nests aliases one deep.
    private const int MaxDepth = 16;

    private readonly Dictionary<string, string?> values = new(StringComparer.Ordinal);

    private MetaFile()
    {
    }

    /// <summary>The text of a key, or null where it is absent, null, or no scalar.</summary>
    public string? this[string key] => values.GetValueOrDefault(key);

    public bool TryNumber(string key, out long number) =>
        long.TryParse(this[key], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number);

    /// <param name="fault">What is wrong, to follow "is".</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out MetaFile? meta, out string fault)
    {
        (meta, fault) = (null, "");
        var read = new MetaFile();
        try
        {
            var parser = new Parser(new StringReader(text));
            parser.Consume<StreamStart>();
            if (!parser.TryConsume<DocumentStart>(out _) || !parser.TryConsume<MappingStart>(out _))
            {
                fault = "no mapping";
                return false;
            }

            while (!parser.TryConsume<MappingEnd>(out _))
                if (!read.TryReadEntry(parser))
                {
                    fault = "of a depth or with a key that MLflow does not write";
                    return false;
                }
        }
        catch (YamlException e)
        {
            fault = $"no YAML: line {e.Start.Line}: {Shown.Reason(e)}";
            return false;
        }
        catch (InvalidOperationException)
        {
            // So the library answers text that its own states do not foresee: a flow mapping that never ends, say.
            fault = "no YAML";
            return false;
        }

        meta = read;
        return true;
    }

    private bool TryReadEntry(Parser parser)
    {
        if (!parser.TryConsume<Scalar>(out var key)) return false;
        if (parser.TryConsume<Scalar>(out var value))
        {
            // A key that stands twice has its last value, as for MLflow.
            values[key.Value] = value.Style == ScalarStyle.Plain && value.Value is "" or "~" or "null" ? null : value.Value;
            return true;
        }

        values.Remove(key.Value);
        var depth = 0;
        do
        {
            depth += parser.Consume<ParsingEvent>().NestingIncrease;
            if (depth > MaxDepth) return false;
        }
        while (depth > 0);
        return true;
    }
}
