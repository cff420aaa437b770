using ModelFs.Configuration;

namespace ModelFs.Demo;

/// <summary>A directory drawn as <c>tree</c> draws it.</summary>
internal static class DemoTree
{
    public static IReadOnlyList<string> Draw(string directory)
    {
        var lines = new List<string> { Path.GetFileName(directory) };
        Draw(new DirectoryInfo(directory), "", lines);
        return lines;
    }

    private static void Draw(DirectoryInfo directory, string indent, List<string> lines)
    {
        var entries = directory.EnumerateFileSystemInfos().OrderBy(e => e.Name, StringComparer.Ordinal).ToList();
        for (var i = 0; i < entries.Count; i++)
        {
            var last = i == entries.Count - 1;
            var text = entries[i] switch
            {
                { LinkTarget: { } target } => $"{entries[i].Name} -> {target}",
                FileInfo file => $"{file.Name}  {ByteSize.Format(file.Length)}",
                _ => entries[i].Name,
            };
            lines.Add($"{indent}{(last ? "└── " : "├── ")}{text}");
            if (entries[i] is DirectoryInfo { LinkTarget: null } child)
                Draw(child, indent + (last ? "    " : "│   "), lines);
        }
    }
}
